-- Whose certificate is over is looked for every minute; few are.
CREATE INDEX device_trust_cert_end ON device_trust (cert_not_after);
