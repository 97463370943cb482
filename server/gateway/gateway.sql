-- name: gateway_last_audit ()
-- No honest clock shows an earlier time than this.
SELECT coalesce(max(extract(epoch FROM at) * 1000), 0)::bigint AS at FROM audit;
