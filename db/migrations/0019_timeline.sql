-- What people did to one device is read with what happened to it.
CREATE INDEX audit_object ON audit (chain, object, seq);
