-- A database as the first release left it (pg_dump --no-owner of an instance with six devices). Never edited: the way up
-- from it is what is tested.
--
-- PostgreSQL database dump
--


-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit_is_append_only(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit chain is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;


--
-- Name: partition_trim(regclass, integer, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.partition_trim(part regclass, catalog integer, most integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY('
                   'SELECT ctid FROM %s WHERE catalog = $1 LIMIT $2))', part, part)
      USING catalog, most;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $_$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: account; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.account (
    id bigint NOT NULL,
    name text NOT NULL,
    password text NOT NULL,
    must_change boolean DEFAULT false NOT NULL,
    role text NOT NULL,
    catalog integer,
    disabled boolean DEFAULT false NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT account_name_check CHECK (((length(name) >= 1) AND (length(name) <= 80))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'operator'::text, 'viewer'::text, 'auditor'::text])))
);


--
-- Name: account_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: api_token; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_token (
    id bigint NOT NULL,
    hash bytea NOT NULL,
    prefix text NOT NULL,
    account bigint NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    catalog integer,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: api_token_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.api_token ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit (
    chain integer NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    account bigint,
    actor text NOT NULL,
    action text NOT NULL,
    object text NOT NULL,
    count bigint DEFAULT 1 NOT NULL,
    outcome text NOT NULL,
    remote text,
    request text,
    detail text,
    prev bytea NOT NULL,
    hash bytea NOT NULL
);


--
-- Name: audit_seal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_seal (
    chain integer NOT NULL,
    seq bigint NOT NULL,
    seal text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: catalog; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.catalog (
    id integer NOT NULL,
    name text NOT NULL,
    telemetry_hours integer DEFAULT 720 NOT NULL,
    journal_hours integer DEFAULT 720 NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT catalog_journal_hours_check CHECK (((journal_hours >= 1) AND (journal_hours <= 87600))),
    CONSTRAINT catalog_name_check CHECK ((name ~ '^[a-z0-9-]{1,50}$'::text)),
    CONSTRAINT catalog_telemetry_hours_check CHECK (((telemetry_hours >= 1) AND (telemetry_hours <= 87600)))
);


--
-- Name: catalog_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.catalog ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.catalog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: device; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.device (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL,
    public_key bytea NOT NULL,
    name text COLLATE pg_catalog."C",
    lifecycle smallint DEFAULT 0 NOT NULL,
    tags jsonb DEFAULT '{}'::jsonb NOT NULL,
    refused_before timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    claimed_at timestamp with time zone
);


--
-- Name: device_state; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.device_state (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    state smallint DEFAULT 0 NOT NULL,
    reason text,
    state_since timestamp with time zone DEFAULT now() NOT NULL,
    online boolean DEFAULT false NOT NULL,
    last_seen timestamp with time zone,
    boot bigint DEFAULT 0 NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL,
    hello_boot bigint DEFAULT 0 NOT NULL,
    last_at timestamp with time zone,
    last_shape integer,
    last_values double precision[]
)
WITH (fillfactor='50');


--
-- Name: device_trust; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.device_trust (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    verdict smallint DEFAULT 0 NOT NULL,
    attested_at timestamp with time zone,
    findings jsonb DEFAULT '[]'::jsonb NOT NULL,
    evidence text,
    evidence_hash bytea,
    claims jsonb,
    attester text,
    os_version text,
    hw_model text,
    svn bigint,
    boot_count bigint,
    by_hand text,
    cert_kind smallint,
    cert_serial bytea,
    cert_key bytea,
    cert_not_before timestamp with time zone,
    cert_not_after timestamp with time zone
);


--
-- Name: device_row; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.device_row AS
 SELECT d.catalog,
    d.device,
    d.id,
    d.fingerprint,
    d.name,
    d.lifecycle,
    d.tags,
    d.version,
    ((EXTRACT(epoch FROM d.created_at) * (1000)::numeric))::bigint AS created_at,
    ((EXTRACT(epoch FROM d.claimed_at) * (1000)::numeric))::bigint AS claimed_at,
    s.state,
    s.reason,
    s.online,
    ((EXTRACT(epoch FROM s.state_since) * (1000)::numeric))::bigint AS state_since,
    ((EXTRACT(epoch FROM s.last_seen) * (1000)::numeric))::bigint AS last_seen,
    t.verdict,
    t.os_version,
    t.hw_model,
    t.cert_kind,
    encode(t.cert_serial, 'hex'::text) AS cert_serial,
    ((EXTRACT(epoch FROM t.attested_at) * (1000)::numeric))::bigint AS attested_at,
    ((EXTRACT(epoch FROM t.cert_not_before) * (1000)::numeric))::bigint AS cert_not_before,
    ((EXTRACT(epoch FROM t.cert_not_after) * (1000)::numeric))::bigint AS cert_not_after
   FROM ((public.device d
     LEFT JOIN public.device_state s ON (((s.catalog = d.catalog) AND (s.device = d.device))))
     LEFT JOIN public.device_trust t ON (((t.catalog = d.catalog) AND (t.device = d.device))));


--
-- Name: idempotency; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency (
    account bigint NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    status integer NOT NULL,
    answer text,
    etag text NOT NULL,
    location text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: ingest_batch; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ingest_batch (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    body bytea NOT NULL
);


--
-- Name: journal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    event boolean NOT NULL,
    level smallint NOT NULL,
    name text,
    source text,
    text text NOT NULL,
    fields jsonb
)
PARTITION BY RANGE (ts);


--
-- Name: journal_2026112302; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal_2026112302 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    event boolean NOT NULL,
    level smallint NOT NULL,
    name text,
    source text,
    text text NOT NULL,
    fields jsonb
);


--
-- Name: journal_2026112303; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal_2026112303 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    event boolean NOT NULL,
    level smallint NOT NULL,
    name text,
    source text,
    text text NOT NULL,
    fields jsonb
);


--
-- Name: journal_2026112304; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal_2026112304 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    event boolean NOT NULL,
    level smallint NOT NULL,
    name text,
    source text,
    text text NOT NULL,
    fields jsonb
);


--
-- Name: journal_2026112305; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.journal_2026112305 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    seq bigint NOT NULL,
    event boolean NOT NULL,
    level smallint NOT NULL,
    name text,
    source text,
    text text NOT NULL,
    fields jsonb
);


--
-- Name: reference_value; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reference_value (
    catalog integer NOT NULL,
    id bigint NOT NULL,
    component text NOT NULL,
    version text NOT NULL,
    sha256 text NOT NULL,
    svn bigint DEFAULT 0 NOT NULL,
    source text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT reference_value_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);


--
-- Name: reference_value_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.reference_value ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reference_value_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: schema_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_version (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: secret; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.secret (
    name text NOT NULL,
    value bytea NOT NULL
);


--
-- Name: session; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.session (
    hash bytea NOT NULL,
    account bigint NOT NULL,
    remote text,
    agent text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: shape; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.shape (
    catalog integer NOT NULL,
    id integer NOT NULL,
    names text[] NOT NULL
);


--
-- Name: telemetry; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.telemetry (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    shape integer NOT NULL,
    vals double precision[] NOT NULL
)
PARTITION BY RANGE (ts);


--
-- Name: telemetry_2026112302; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.telemetry_2026112302 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    shape integer NOT NULL,
    vals double precision[] NOT NULL
);


--
-- Name: telemetry_2026112303; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.telemetry_2026112303 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    shape integer NOT NULL,
    vals double precision[] NOT NULL
);


--
-- Name: telemetry_2026112304; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.telemetry_2026112304 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    shape integer NOT NULL,
    vals double precision[] NOT NULL
);


--
-- Name: telemetry_2026112305; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.telemetry_2026112305 (
    catalog integer NOT NULL,
    device bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    shape integer NOT NULL,
    vals double precision[] NOT NULL
);


--
-- Name: journal_2026112302; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_2026112302 FOR VALUES FROM ('2026-11-23 02:00:00+00') TO ('2026-11-23 03:00:00+00');


--
-- Name: journal_2026112303; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_2026112303 FOR VALUES FROM ('2026-11-23 03:00:00+00') TO ('2026-11-23 04:00:00+00');


--
-- Name: journal_2026112304; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_2026112304 FOR VALUES FROM ('2026-11-23 04:00:00+00') TO ('2026-11-23 05:00:00+00');


--
-- Name: journal_2026112305; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_2026112305 FOR VALUES FROM ('2026-11-23 05:00:00+00') TO ('2026-11-23 06:00:00+00');


--
-- Name: telemetry_2026112302; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.telemetry ATTACH PARTITION public.telemetry_2026112302 FOR VALUES FROM ('2026-11-23 02:00:00+00') TO ('2026-11-23 03:00:00+00');


--
-- Name: telemetry_2026112303; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.telemetry ATTACH PARTITION public.telemetry_2026112303 FOR VALUES FROM ('2026-11-23 03:00:00+00') TO ('2026-11-23 04:00:00+00');


--
-- Name: telemetry_2026112304; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.telemetry ATTACH PARTITION public.telemetry_2026112304 FOR VALUES FROM ('2026-11-23 04:00:00+00') TO ('2026-11-23 05:00:00+00');


--
-- Name: telemetry_2026112305; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.telemetry ATTACH PARTITION public.telemetry_2026112305 FOR VALUES FROM ('2026-11-23 05:00:00+00') TO ('2026-11-23 06:00:00+00');


--
-- Data for Name: account; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.account (id, name, password, must_change, role, catalog, disabled, version, created_at) FROM stdin;
1	owner	$scrypt$ln=15,r=8,p=3$pY/TRggyJOD3wjNL+A7h/Q$l3jvWeWSXUs+k7dy31RX+tkOXhue6zxBJAhPcuq2ugE	t	owner	\N	f	1	2026-11-23 02:17:56.252027+00
\.


--
-- Data for Name: api_token; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.api_token (id, hash, prefix, account, name, scopes, catalog, expires_at, used_at, created_at) FROM stdin;
\.


--
-- Data for Name: audit; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.audit (chain, seq, at, account, actor, action, object, count, outcome, remote, request, detail, prev, hash) FROM stdin;
0	1	2026-11-23 02:17:57.685+00	\N	local	first owner	owner	1	ok	\N	\N	\N	\\x0000000000000000000000000000000000000000000000000000000000000000	\\xd214cb3127b070f1e994a9f9f80a4666a20bff84861d5095323a65f50e3878ce
0	2	2026-11-23 02:17:57.835+00	\N	local	admin token	owner	1	ok	\N	\N	\N	\\xd214cb3127b070f1e994a9f9f80a4666a20bff84861d5095323a65f50e3878ce	\\xf91523035f2de3d84be4657a535db64ce7185d6ea978c2a921b2b0189fe4e45d
1	1	2026-11-23 02:17:57.991+00	1	owner	POST /api/v1/catalogs/{catalog}/reference-values	values	24	ok	127.0.0.1	a102f92bb9278c15	\N	\\x0000000000000000000000000000000000000000000000000000000000000000	\\x9ed4dcf3cee2d8fc4fa5fe1bfb2da7df04fe29cff26aa3f64f4430d96b9bdf53
1	2	2026-11-23 02:17:58.088+00	1	owner	POST /api/v1/catalogs/{catalog}/claims	devices	6	ok	127.0.0.1	3f3a72e53872082a	claimed 6, already 0, problems 0	\\x9ed4dcf3cee2d8fc4fa5fe1bfb2da7df04fe29cff26aa3f64f4430d96b9bdf53	\\xa0a35c828af8d9192e8f1143632fe17771a23a0dc63964ca3631a1768434f6fa
\.


--
-- Data for Name: audit_seal; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.audit_seal (chain, seq, seal, at) FROM stdin;
\.


--
-- Data for Name: catalog; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.catalog (id, name, telemetry_hours, journal_hours, version, created_at) FROM stdin;
1	demo	720	720	1	2026-11-23 02:17:55.324405+00
\.


--
-- Data for Name: device; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.device (catalog, device, id, fingerprint, public_key, name, lifecycle, tags, refused_before, version, created_at, claimed_at) FROM stdin;
1	1882613641981722624	a675e96426cb9f4c7dc39e1292785619	a675e96426cb9f4c7dc39e12927856199565a1161957a87322aea4c101dec17d	\\x3059301306072a8648ce3d020106082a8648ce3d030107034200044178068aa47cbd7d4136e83f3169eb178321a06652536f58d901b492e111cda66ff00fb11b8c84ee85cb80c13cb8c5fe8ec05194b3d733a362a9b513b2028c24	air-00001	1	{"site": "harbour-south", "model": "ORR-A30"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
1	1882613641981722629	c15360b76cca43d442e62498034c3677	c15360b76cca43d442e62498034c3677f66108bb91bb0452446744841dfdc241	\\x3059301306072a8648ce3d020106082a8648ce3d03010703420004e7e333c628732b13e45cc9d1990a579ba55d646767140ff4673f6e1f341972a6479eb60c279a89df096b4428dada3cc89febb68c16ad6acb702c67fcb610eedc	cold-room-00006	1	{"site": "plant-2", "model": "ORR-T100"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
1	1882613641981722625	fa2439392a85bb8f87aba09c9ef72b1e	fa2439392a85bb8f87aba09c9ef72b1e04ac260d0d75c49b97b3b6c68895cf3a	\\x3059301306072a8648ce3d020106082a8648ce3d03010703420004cf78baee0098488535b5e196be60e20c8423de74e9d822c158acf39918492af16b4e3288b49baa606870958ea52414f9ed898db9a1ec6a4ffc8d8d185fed53c4	gate-00002	2	{"site": "old-town", "model": "ORR-G20"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
1	1882613641981722626	51e42c4bc98be857402b53ea9a4d09df	51e42c4bc98be857402b53ea9a4d09dfceaa2974f3dc72179f811e0efef27328	\\x3059301306072a8648ce3d020106082a8648ce3d030107034200044ef1d24df82e9637359926c547e1912fb29120c7fc5e3bc3e0d132f19f3936f25634f8d131fe0432c33b7647cd0fa0fbe4206c10af48deb50514ad8d44fb4a54	gate-00003	1	{"site": "harbour-north", "batch": "B-7", "model": "ORR-G20"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
1	1882613641981722627	6f331baac384f8727fd413867a584e77	6f331baac384f8727fd413867a584e77e82d3f33c4199ed8902f4bffc5c38ad5	\\x3059301306072a8648ce3d020106082a8648ce3d030107034200044ca62156b3ae15fa141a7a46246ec566f7f29d86b541462a1ebf8c51609ddfb975f6c6964564a38bec146830b6438e9c6a902545957c200c6d004d41e28e77b4	cold-room-00004	1	{"site": "harbour-north", "batch": "B-7", "model": "ORR-T100"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
1	1882613641981722628	28274cee0643913f11666d9318f74bdf	28274cee0643913f11666d9318f74bdfc0cedd6bc7273aa5ea46d93578535ad8	\\x3059301306072a8648ce3d020106082a8648ce3d03010703420004385635672a1e71560cfde7ae0fd5cb4d451f296c27a680069d497fe21f7423b8e15eefe43114d93a768f557c3df4729e50d3141a7107c925c33b5092107c15a4	cold-room-00005	1	{"site": "old-town", "batch": "B-7", "model": "ORR-T100"}	\N	2	2026-11-23 02:17:58.072196+00	2026-11-23 02:17:58.072196+00
\.


--
-- Data for Name: device_state; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.device_state (catalog, device, state, reason, state_since, online, last_seen, boot, last_seq, hello_boot, last_at, last_shape, last_values) FROM stdin;
1	1882613641981722624	1	It is what it should be	2026-11-23 02:17:58.246366+00	f	2026-11-23 02:18:04.154+00	1	4	1	2026-11-23 02:18:02.732+00	3	{756.77,22.04,48.19,7.52,1376.82}
1	1882613641981722626	1	It is what it should be	2026-11-23 02:17:58.231977+00	f	2026-11-23 02:18:04.154+00	1	5	1	2026-11-23 02:18:02.297+00	1	{0,1.66,40.12,34725,24.21}
1	1882613641981722628	1	It is what it should be	2026-11-23 02:17:58.201586+00	f	2026-11-23 02:18:04.154+00	1	4	1	2026-11-23 02:18:04.01+00	2	{2.86,-6.31,71.73,0,1}
1	1882613641981722629	4	Its last evidence did not match what it may run	2026-11-23 02:17:58.201467+00	f	2026-11-23 02:18:04.155+00	0	0	1	\N	\N	\N
1	1882613641981722627	1	It is what it should be	2026-11-23 02:17:58.24596+00	f	2026-11-23 02:18:04.154+00	1	4	1	2026-11-23 02:18:02.156+00	2	{3.62,-6.89,68.59,0,1}
1	1882613641981722625	1	It is what it should be	2026-11-23 02:17:58.22634+00	f	2026-11-23 02:18:04.154+00	1	4	1	2026-11-23 02:18:03.616+00	1	{0,1.95,36.45,34725,24.2}
\.


--
-- Data for Name: device_trust; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.device_trust (catalog, device, verdict, attested_at, findings, evidence, evidence_hash, claims, attester, os_version, hw_model, svn, boot_count, by_hand, cert_kind, cert_serial, cert_key, cert_not_before, cert_not_after) FROM stdin;
1	1882613641981722625	1	2026-11-23 02:17:58.22634+00	[]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6IjJOTnl1bkNXTW5DOGVHRXh2QlBxLVpfaDlxWmZEenpRRmVkUGF5V2pIMGsiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBZm9rT1RrcWhidVBoNnVnbko3M0t4NCIsImh3bW9kZWwiOiJPUlItRzIwIiwic3duYW1lIjoib3JyZXJ5LWZsZWV0Iiwic3d2ZXJzaW9uIjoiNS4wLjAiLCJib290Y291bnQiOjEsImJvb3RzZWVkIjoiazM1bjc1bzhXYVd4M0szcnBjLTNlWlhxbHQ0TnVDODVfb3JHc19YZXotbyIsIm9lbWJvb3QiOnRydWUsImRiZ3N0YXQiOjMsInVwdGltZSI6MCwib3JyZXJ5X2xvZyI6W1swLCJnYXRlLmJvb3Rsb2FkZXIiLCIxLjQiLCJkMzU5NmMzYjc1ZmQ1MTY5N2E0OGJkOTZjODJkY2U3Mzc2YWY0NzZmYzMzZWY4MTQ5Y2RjY2RlNjJlNmRkMGFjIiwzXSxbNCwiZ2F0ZS5rZXJuZWwiLCI2LjEuMTE5IiwiMGRkYmRlNzhkN2FkMmQ5OGU1N2ZhMjFjMWU2OWMzYjE4ZmNlNzdjZDk3ZjZkOTgwMGQzOTBlZTMxZTMyYjEzOSIsM10sWzgsImdhdGUub3MiLCI1LjAuMCIsIjBjOTAyOTJjYWMwNWUwODlmOGU4YjUxNzA2Yzc0NGY1Y2Y0ODZiYTgyZDI4NGIyMzgzNTRmNTQzNDQ5YjdiMDEiLDNdLFsxMCwiZ2F0ZS5hY2Nlc3MiLCI1LjAuMCIsIjA5YmNiZWFmMTc5ODEyMmZkY2JhZTc2OGVhZmJiNmRlNTk4ZTUzYThmMjUwNDU3ZWE4NmY0NjcwZTY2ODZjZmYiLDNdXX0.IImgf3m5A8aeh5IfpmlA5AsuI3hhAZI4oebb-W7GXKRisXz34CQ2_fc5xJaejyQFZ4KvBhmcTtx6tMqNg8rLfQ	\\x7052884669d8d8c37e9f7083b7aef3d77a2b6436bac64eeba3bebf1375da3eab	{"iat": 1795400278, "ueid": "AfokOTkqhbuPh6ugnJ73Kx4", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-G20", "oemboot": true, "bootseed": "k35n75o8WaWx3K3rpc-3eZXqlt4NuC85_orGs_Xez-o", "bootcount": 1, "eat_nonce": "2NNyunCWMnC8eGExvBPq-Z_h9qZfDzzQFedPayWjH0k", "swversion": "5.0.0", "orrery_log": [[0, "gate.bootloader", "1.4", "d3596c3b75fd51697a48bd96c82dce7376af476fc33ef8149cdccde62e6dd0ac", 3], [4, "gate.kernel", "6.1.119", "0ddbde78d7ad2d98e57fa21c1e69c3b18fce77cd97f6d9800d390ee31e32b139", 3], [8, "gate.os", "5.0.0", "0c90292cac05e089f8e8b51706c744f5cf486ba82d284b238354f543449b7b01", 3], [10, "gate.access", "5.0.0", "09bcbeaf1798122fdcbae768eafbb6de598e53a8f250457ea86f4670e6686cff", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	5.0.0	ORR-G20	3	1	\N	0	\\x7a585e7bd537adccfac5f0206f44bce1	\\xe7fa32213d70979f70b094026a73817f0806fef17c5d13b6dd3954ab3a1c52d7	2026-11-23 02:12:58+00	2026-11-24 02:17:58+00
1	1882613641981722626	1	2026-11-23 02:17:58.231977+00	[]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6IjBoRWdPUk5wRExFc3Z2YnB0OXB0TTlVQ0Vsdnk3eS1jN2JRYkR6VkF1eVkiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBVkhrTEV2SmktaFhRQ3RUNnBwTkNkOCIsImh3bW9kZWwiOiJPUlItRzIwIiwic3duYW1lIjoib3JyZXJ5LWZsZWV0Iiwic3d2ZXJzaW9uIjoiNS4wLjAiLCJib290Y291bnQiOjEsImJvb3RzZWVkIjoiS1ZWZlNGekFCQ1JvYkJ3a0lBUXM1RHF1VzVNOFAzaGE3WHRqMG81NUR1SSIsIm9lbWJvb3QiOnRydWUsImRiZ3N0YXQiOjMsInVwdGltZSI6MCwib3JyZXJ5X2xvZyI6W1swLCJnYXRlLmJvb3Rsb2FkZXIiLCIxLjQiLCJkMzU5NmMzYjc1ZmQ1MTY5N2E0OGJkOTZjODJkY2U3Mzc2YWY0NzZmYzMzZWY4MTQ5Y2RjY2RlNjJlNmRkMGFjIiwzXSxbNCwiZ2F0ZS5rZXJuZWwiLCI2LjEuMTE5IiwiMGRkYmRlNzhkN2FkMmQ5OGU1N2ZhMjFjMWU2OWMzYjE4ZmNlNzdjZDk3ZjZkOTgwMGQzOTBlZTMxZTMyYjEzOSIsM10sWzgsImdhdGUub3MiLCI1LjAuMCIsIjBjOTAyOTJjYWMwNWUwODlmOGU4YjUxNzA2Yzc0NGY1Y2Y0ODZiYTgyZDI4NGIyMzgzNTRmNTQzNDQ5YjdiMDEiLDNdLFsxMCwiZ2F0ZS5hY2Nlc3MiLCI1LjAuMCIsIjA5YmNiZWFmMTc5ODEyMmZkY2JhZTc2OGVhZmJiNmRlNTk4ZTUzYThmMjUwNDU3ZWE4NmY0NjcwZTY2ODZjZmYiLDNdXX0.60DFApLs5fww3tSn_3xKfTXnZRHVzaQdEh_rMCf0lJ_HQTnWS38-9edWDsTteLbkMJ51yvuVpnUiTvd8-WM2gA	\\x88156b9bd66eff85e03ed1f5c80a6fbe7bfd7d7908e0e751b2b3c3f13d748ba5	{"iat": 1795400278, "ueid": "AVHkLEvJi-hXQCtT6ppNCd8", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-G20", "oemboot": true, "bootseed": "KVVfSFzABCRobBwkIAQs5DquW5M8P3ha7Xtj0o55DuI", "bootcount": 1, "eat_nonce": "0hEgORNpDLEsvvbpt9ptM9UCElvy7y-c7bQbDzVAuyY", "swversion": "5.0.0", "orrery_log": [[0, "gate.bootloader", "1.4", "d3596c3b75fd51697a48bd96c82dce7376af476fc33ef8149cdccde62e6dd0ac", 3], [4, "gate.kernel", "6.1.119", "0ddbde78d7ad2d98e57fa21c1e69c3b18fce77cd97f6d9800d390ee31e32b139", 3], [8, "gate.os", "5.0.0", "0c90292cac05e089f8e8b51706c744f5cf486ba82d284b238354f543449b7b01", 3], [10, "gate.access", "5.0.0", "09bcbeaf1798122fdcbae768eafbb6de598e53a8f250457ea86f4670e6686cff", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	5.0.0	ORR-G20	3	1	\N	0	\\x6ac8a558614e2e2dc9b45810e7561880	\\xdb943bfb24c1a93c142a5789981c7aeee0b44c75cfc2458c3c6fde6990732ebd	2026-11-23 02:12:58+00	2026-11-24 02:17:58+00
1	1882613641981722629	3	2026-11-23 02:17:58.201467+00	[{"text": "cold-room.climate: expected an accepted build, such as version 2.7.0 (c5a4caf9e545…), found version 2.7.0 (e4c77030c42c…), which is not accepted. Install an accepted build of cold-room.climate, or add this one to the reference values if it is yours.", "found": "version 2.7.0 (e4c77030c42c…), which is not accepted", "remedy": "Install an accepted build of cold-room.climate, or add this one to the reference values if it is yours", "expected": "an accepted build, such as version 2.7.0 (c5a4caf9e545…)", "component": "cold-room.climate"}]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6ImlMMlp1Um5WRnczOG9ENzlkSVVWa0RrVUJRaEdmVzJGNnZTcTJyVE9vN2MiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBY0ZUWUxkc3lrUFVRdVlrbUFOTU5uYyIsImh3bW9kZWwiOiJPUlItVDEwMCIsInN3bmFtZSI6Im9ycmVyeS1mbGVldCIsInN3dmVyc2lvbiI6IjIuNy4wIiwiYm9vdGNvdW50IjoxLCJib290c2VlZCI6InItOFYwQlp0QzF0QkhrRmhzSzh2djVFVWZBeWxhc2Z0clNXUUdRQVlVUEUiLCJvZW1ib290Ijp0cnVlLCJkYmdzdGF0IjozLCJ1cHRpbWUiOjAsIm9ycmVyeV9sb2ciOltbMCwiY29sZC1yb29tLmJvb3Rsb2FkZXIiLCIxLjQiLCJhMjFkMWI2NmJiY2Q3MDViYWNlMWNjNzdlODdlNjhmNTM0ODY1NTczOTUzNGE2YWU4MzUzZDU1ZjI5NWJhNjQ4IiwzXSxbNCwiY29sZC1yb29tLmtlcm5lbCIsIjYuMS4xMTkiLCJhYzJlYmUxMWEyODNiZDdhMzlmODViYzNhZDVlNGUyYmZiMTA5ZTU3MTkyYjcwZGVjZDZjMjNlNGI0NGFlODM1IiwzXSxbOCwiY29sZC1yb29tLm9zIiwiMi43LjAiLCJiMmEyZmYwMjFjZmVlYjJkYzhiNzhjOGU4MWE4ZjkzZDM3Y2Q4MTBlZDBkNTY5Y2EwOWZjZTE3YTgzYTMzYmVjIiwzXSxbMTAsImNvbGQtcm9vbS5jbGltYXRlIiwiMi43LjAiLCJlNGM3NzAzMGM0MmNlNTViZDZlN2ZiNjkxODVlYTQxNTQ3NWRlYjc3ZjNmYjBiNzFmYjE2MWRjZjE2NWQ5NWFkIiwzXV19.YrzhrqViop0XSQgmudharXXBRAJqSR9urfJX3iOAi8WrDS_gP9JL-KR6KZbyF4Piu8SnbF69ntVptqyE5yvOqA	\\x5b9b2363688766fb69aa10e2f5756dda4aea7457bdc1a705c2d2727d4dd90c64	{"iat": 1795400278, "ueid": "AcFTYLdsykPUQuYkmANMNnc", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-T100", "oemboot": true, "bootseed": "r-8V0BZtC1tBHkFhsK8vv5EUfAylasftrSWQGQAYUPE", "bootcount": 1, "eat_nonce": "iL2ZuRnVFw38oD79dIUVkDkUBQhGfW2F6vSq2rTOo7c", "swversion": "2.7.0", "orrery_log": [[0, "cold-room.bootloader", "1.4", "a21d1b66bbcd705bace1cc77e87e68f5348655739534a6ae8353d55f295ba648", 3], [4, "cold-room.kernel", "6.1.119", "ac2ebe11a283bd7a39f85bc3ad5e4e2bfb109e57192b70decd6c23e4b44ae835", 3], [8, "cold-room.os", "2.7.0", "b2a2ff021cfeeb2dc8b78c8e81a8f93d37cd810ed0d569ca09fce17a83a33bec", 3], [10, "cold-room.climate", "2.7.0", "e4c77030c42ce55bd6e7fb69185ea415475deb77f3fb0b71fb161dcf165d95ad", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	2.7.0	ORR-T100	3	1	\N	1	\\x5a2e6ed8f460ea6ca536e2a94da0b3d9	\\xfa0fa43e2e3b62af29d658813c65ab21b32f7cc5f6a3c34d6ce22e87a500e7b9	2026-11-23 02:12:58+00	2026-11-23 03:17:58+00
1	1882613641981722628	1	2026-11-23 02:17:58.201586+00	[]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6InNfNm15WER2cm1Uc250MTRFcUZ3MkFvdE43RkRVTVhzZ292Q2xGXzVIckkiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBU2duVE80R1E1RV9FV1p0a3hqM1M5OCIsImh3bW9kZWwiOiJPUlItVDEwMCIsInN3bmFtZSI6Im9ycmVyeS1mbGVldCIsInN3dmVyc2lvbiI6IjIuNy4wIiwiYm9vdGNvdW50IjoxLCJib290c2VlZCI6Im5qYm15MmU5WTlCdjkzcDdFREtXUmh4LWJiWVg2Z0stR2NvRzBaLUZNd2ciLCJvZW1ib290Ijp0cnVlLCJkYmdzdGF0IjozLCJ1cHRpbWUiOjAsIm9ycmVyeV9sb2ciOltbMCwiY29sZC1yb29tLmJvb3Rsb2FkZXIiLCIxLjQiLCJhMjFkMWI2NmJiY2Q3MDViYWNlMWNjNzdlODdlNjhmNTM0ODY1NTczOTUzNGE2YWU4MzUzZDU1ZjI5NWJhNjQ4IiwzXSxbNCwiY29sZC1yb29tLmtlcm5lbCIsIjYuMS4xMTkiLCJhYzJlYmUxMWEyODNiZDdhMzlmODViYzNhZDVlNGUyYmZiMTA5ZTU3MTkyYjcwZGVjZDZjMjNlNGI0NGFlODM1IiwzXSxbOCwiY29sZC1yb29tLm9zIiwiMi43LjAiLCJiMmEyZmYwMjFjZmVlYjJkYzhiNzhjOGU4MWE4ZjkzZDM3Y2Q4MTBlZDBkNTY5Y2EwOWZjZTE3YTgzYTMzYmVjIiwzXSxbMTAsImNvbGQtcm9vbS5jbGltYXRlIiwiMi43LjAiLCJjNWE0Y2FmOWU1NDU3YTg5N2NkZWIyMjBlN2IxODQ2ZjY4YmM4MDA4MDY5Y2VmYmVlYjc2YjYyYjk5ODcwY2Q5IiwzXV19.X9bw8ZmUPBX-_GD5lw4APUxy-FgPk_UF0SX5ePqqGiHq9IctgL63tsD1fdXaeqomn1T0MmPE0bkBfSe_vY0oxg	\\x068da7cf47d33bdac8c7c9f54e3396dda7906a81030f0add9da87702a2e714fd	{"iat": 1795400278, "ueid": "ASgnTO4GQ5E_EWZtkxj3S98", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-T100", "oemboot": true, "bootseed": "njbmy2e9Y9Bv93p7EDKWRhx-bbYX6gK-GcoG0Z-FMwg", "bootcount": 1, "eat_nonce": "s_6myXDvrmTsnt14EqFw2AotN7FDUMXsgovClF_5HrI", "swversion": "2.7.0", "orrery_log": [[0, "cold-room.bootloader", "1.4", "a21d1b66bbcd705bace1cc77e87e68f5348655739534a6ae8353d55f295ba648", 3], [4, "cold-room.kernel", "6.1.119", "ac2ebe11a283bd7a39f85bc3ad5e4e2bfb109e57192b70decd6c23e4b44ae835", 3], [8, "cold-room.os", "2.7.0", "b2a2ff021cfeeb2dc8b78c8e81a8f93d37cd810ed0d569ca09fce17a83a33bec", 3], [10, "cold-room.climate", "2.7.0", "c5a4caf9e5457a897cdeb220e7b1846f68bc8008069cefbeeb76b62b99870cd9", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	2.7.0	ORR-T100	3	1	\N	0	\\x72e782ce2a24012dfac7a8687caeb7ec	\\x1ea1c0f95ff7549a0c34d52523c951f84b515651d662a7cd90197b89986ece7a	2026-11-23 02:12:58+00	2026-11-24 02:17:58+00
1	1882613641981722624	1	2026-11-23 02:17:58.246366+00	[]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6IkpiSkR5ZmhGQ3NzMElzcmUwOFp2M3JzMFVrbGgycTVKalRSUGdkTlVMQlEiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBYVoxNldRbXk1OU1mY09lRXBKNFZoayIsImh3bW9kZWwiOiJPUlItQTMwIiwic3duYW1lIjoib3JyZXJ5LWZsZWV0Iiwic3d2ZXJzaW9uIjoiMi4xLjUiLCJib290Y291bnQiOjEsImJvb3RzZWVkIjoicHpiS0Z6cWFacWlBWGNuWDZfdHBJVE5jc0EwYnJjNlNtcXlvN1k5VUlpSSIsIm9lbWJvb3QiOnRydWUsImRiZ3N0YXQiOjMsInVwdGltZSI6MCwib3JyZXJ5X2xvZyI6W1swLCJhaXIuYm9vdGxvYWRlciIsIjEuNCIsImQ0YTU0YzU0ZDg4Y2YwODlhNzdmZWI1ZWE4MjA0ODMxZDJhNjhlYmRhODE2NzdjMGQxN2NmNTk0ZmYyNzA0MDMiLDNdLFs0LCJhaXIua2VybmVsIiwiNi4xLjExOSIsIjBkMGY4ZmE0NDg3YjQ3MjhiMjYyYWRjYjVmYTY3YzFlMTBkYTEyM2U4MzRlMmUzNjRmMjdhNThkZGE0MWYwY2IiLDNdLFs4LCJhaXIub3MiLCIyLjEuNSIsIjBmNjg3YWM3NzA0NzIyMjZmMzFjOTExN2ZlMjNmMTUxMzRiMjQxZWZkODc1MWUwMzFiZGQ0ZDcyODUzMmM5ZjgiLDNdLFsxMCwiYWlyLmFpci1xdWFsaXR5IiwiMi4xLjUiLCI5NzJhNjRiNzU1NWQ3MWMyNzQ2NDkwNjQ2NWYwMTliYzA0MzI5NDJmYjQzNjQ1YTQ5NWMxNjdjMDk2OWUxYzJkIiwzXV19.foHtYKKKiTkTwfNzBEKd74Ms3KQFBZSyXbFlXGS-H0lUo9QTg8rhhFG9ipvxIzGo7tkRltstbP-I-g2SHfq_ug	\\x324e18963f59f21df75dfcdd927b7abcd04442dc60c779502cbfb9917ac9eb9d	{"iat": 1795400278, "ueid": "AaZ16WQmy59MfcOeEpJ4Vhk", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-A30", "oemboot": true, "bootseed": "pzbKFzqaZqiAXcnX6_tpITNcsA0brc6Smqyo7Y9UIiI", "bootcount": 1, "eat_nonce": "JbJDyfhFCss0Isre08Zv3rs0Uklh2q5JjTRPgdNULBQ", "swversion": "2.1.5", "orrery_log": [[0, "air.bootloader", "1.4", "d4a54c54d88cf089a77feb5ea8204831d2a68ebda81677c0d17cf594ff270403", 3], [4, "air.kernel", "6.1.119", "0d0f8fa4487b4728b262adcb5fa67c1e10da123e834e2e364f27a58dda41f0cb", 3], [8, "air.os", "2.1.5", "0f687ac770472226f31c9117fe23f15134b241efd8751e031bdd4d728532c9f8", 3], [10, "air.air-quality", "2.1.5", "972a64b7555d71c27464906465f019bc0432942fb43645a495c167c0969e1c2d", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	2.1.5	ORR-A30	3	1	\N	0	\\x634c0d8973fb546758fa036142d4ddbf	\\xe72a429fad836c24f92869dc37acab9078c596324113d2cb5a4f1782d18271e5	2026-11-23 02:12:58+00	2026-11-24 02:17:58+00
1	1882613641981722627	1	2026-11-23 02:17:58.24596+00	[]	eyJhbGciOiJFUzI1NiIsInR5cCI6ImVhdCtqd3QifQ.eyJlYXRfcHJvZmlsZSI6InRhZzpvcnJlcnksMjAyNjplYXQjMSIsImVhdF9ub25jZSI6Im4tQ3lVYTNNTjRuSTJhT0hHTjJXQ2FJWkF3ZHgzejJ3dEQ1S3hIRmk0NkkiLCJpYXQiOjE3OTU0MDAyNzgsInVlaWQiOiJBVzh6RzZyRGhQaHlmOVFUaG5wWVRuYyIsImh3bW9kZWwiOiJPUlItVDEwMCIsInN3bmFtZSI6Im9ycmVyeS1mbGVldCIsInN3dmVyc2lvbiI6IjIuNy4wIiwiYm9vdGNvdW50IjoxLCJib290c2VlZCI6InBBcXg5WlhLeU1WTU15MDMtaE54d3Q4a1N0TEd3aVQ2TDU5UjhWS2FiX1EiLCJvZW1ib290Ijp0cnVlLCJkYmdzdGF0IjozLCJ1cHRpbWUiOjAsIm9ycmVyeV9sb2ciOltbMCwiY29sZC1yb29tLmJvb3Rsb2FkZXIiLCIxLjQiLCJhMjFkMWI2NmJiY2Q3MDViYWNlMWNjNzdlODdlNjhmNTM0ODY1NTczOTUzNGE2YWU4MzUzZDU1ZjI5NWJhNjQ4IiwzXSxbNCwiY29sZC1yb29tLmtlcm5lbCIsIjYuMS4xMTkiLCJhYzJlYmUxMWEyODNiZDdhMzlmODViYzNhZDVlNGUyYmZiMTA5ZTU3MTkyYjcwZGVjZDZjMjNlNGI0NGFlODM1IiwzXSxbOCwiY29sZC1yb29tLm9zIiwiMi43LjAiLCJiMmEyZmYwMjFjZmVlYjJkYzhiNzhjOGU4MWE4ZjkzZDM3Y2Q4MTBlZDBkNTY5Y2EwOWZjZTE3YTgzYTMzYmVjIiwzXSxbMTAsImNvbGQtcm9vbS5jbGltYXRlIiwiMi43LjAiLCJjNWE0Y2FmOWU1NDU3YTg5N2NkZWIyMjBlN2IxODQ2ZjY4YmM4MDA4MDY5Y2VmYmVlYjc2YjYyYjk5ODcwY2Q5IiwzXV19.Xt2-LOzmkr5AsJvB0kWo0AjL9X_PzP9428gbai92CfQj_2lP-HFDJ3tuJ2ZWFrxJFEnwlmrX_2HsTTrcARDeLw	\\x6096e06834d356aa30de5d38c41ae5aac7636057cf18f30588c7a43a5c96b6d3	{"iat": 1795400278, "ueid": "AW8zG6rDhPhyf9QThnpYTnc", "swname": "orrery-fleet", "uptime": 0, "dbgstat": 3, "hwmodel": "ORR-T100", "oemboot": true, "bootseed": "pAqx9ZXKyMVMMy03-hNxwt8kStLGwiT6L59R8VKab_Q", "bootcount": 1, "eat_nonce": "n-CyUa3MN4nI2aOHGN2WCaIZAwdx3z2wtD5KxHFi46I", "swversion": "2.7.0", "orrery_log": [[0, "cold-room.bootloader", "1.4", "a21d1b66bbcd705bace1cc77e87e68f5348655739534a6ae8353d55f295ba648", 3], [4, "cold-room.kernel", "6.1.119", "ac2ebe11a283bd7a39f85bc3ad5e4e2bfb109e57192b70decd6c23e4b44ae835", 3], [8, "cold-room.os", "2.7.0", "b2a2ff021cfeeb2dc8b78c8e81a8f93d37cd810ed0d569ca09fce17a83a33bec", 3], [10, "cold-room.climate", "2.7.0", "c5a4caf9e5457a897cdeb220e7b1846f68bc8008069cefbeeb76b62b99870cd9", 3]], "eat_profile": "tag:orrery,2026:eat#1"}	soft	2.7.0	ORR-T100	3	1	\N	0	\\x73e812f244e52d7ee0d91de744fe9763	\\xa51dd16bc2a8c7a142e454f893582e42454fac91b7bd3a9d3629e38870ef8eb5	2026-11-23 02:12:58+00	2026-11-24 02:17:58+00
\.


--
-- Data for Name: idempotency; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.idempotency (account, key, request, status, answer, etag, location, created_at) FROM stdin;
\.


--
-- Data for Name: ingest_batch; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.ingest_batch (id, created_at, body) FROM stdin;
\.


--
-- Data for Name: journal_2026112302; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.journal_2026112302 (catalog, device, ts, seq, event, level, name, source, text, fields) FROM stdin;
1	1882613641981722626	2026-11-23 02:18:02.297+00	5	f	1	\N	access	badge refused: unknown card	\N
\.


--
-- Data for Name: journal_2026112303; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.journal_2026112303 (catalog, device, ts, seq, event, level, name, source, text, fields) FROM stdin;
\.


--
-- Data for Name: journal_2026112304; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.journal_2026112304 (catalog, device, ts, seq, event, level, name, source, text, fields) FROM stdin;
\.


--
-- Data for Name: journal_2026112305; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.journal_2026112305 (catalog, device, ts, seq, event, level, name, source, text, fields) FROM stdin;
\.


--
-- Data for Name: reference_value; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.reference_value (catalog, id, component, version, sha256, svn, source, created_at) FROM stdin;
1	1	air.air-quality	2.1.5	972a64b7555d71c27464906465f019bc0432942fb43645a495c167c0969e1c2d	3	owner	2026-11-23 02:17:57.981839+00
1	2	air.bootloader	1.4	d4a54c54d88cf089a77feb5ea8204831d2a68ebda81677c0d17cf594ff270403	3	owner	2026-11-23 02:17:57.981839+00
1	3	air.kernel	6.1.119	0d0f8fa4487b4728b262adcb5fa67c1e10da123e834e2e364f27a58dda41f0cb	3	owner	2026-11-23 02:17:57.981839+00
1	4	air.os	2.1.5	0f687ac770472226f31c9117fe23f15134b241efd8751e031bdd4d728532c9f8	3	owner	2026-11-23 02:17:57.981839+00
1	5	cold-room.bootloader	1.4	a21d1b66bbcd705bace1cc77e87e68f5348655739534a6ae8353d55f295ba648	3	owner	2026-11-23 02:17:57.981839+00
1	6	cold-room.climate	2.7.0	c5a4caf9e5457a897cdeb220e7b1846f68bc8008069cefbeeb76b62b99870cd9	3	owner	2026-11-23 02:17:57.981839+00
1	7	cold-room.kernel	6.1.119	ac2ebe11a283bd7a39f85bc3ad5e4e2bfb109e57192b70decd6c23e4b44ae835	3	owner	2026-11-23 02:17:57.981839+00
1	8	cold-room.os	2.7.0	b2a2ff021cfeeb2dc8b78c8e81a8f93d37cd810ed0d569ca09fce17a83a33bec	3	owner	2026-11-23 02:17:57.981839+00
1	9	gate.access	5.0.0	09bcbeaf1798122fdcbae768eafbb6de598e53a8f250457ea86f4670e6686cff	3	owner	2026-11-23 02:17:57.981839+00
1	10	gate.bootloader	1.4	d3596c3b75fd51697a48bd96c82dce7376af476fc33ef8149cdccde62e6dd0ac	3	owner	2026-11-23 02:17:57.981839+00
1	11	gate.kernel	6.1.119	0ddbde78d7ad2d98e57fa21c1e69c3b18fce77cd97f6d9800d390ee31e32b139	3	owner	2026-11-23 02:17:57.981839+00
1	12	gate.os	5.0.0	0c90292cac05e089f8e8b51706c744f5cf486ba82d284b238354f543449b7b01	3	owner	2026-11-23 02:17:57.981839+00
1	13	meter.bootloader	1.4	cfe1539f6f730f745a370666e29e2a125d6925c8619623e59c369661ed5b18b8	3	owner	2026-11-23 02:17:57.981839+00
1	14	meter.kernel	6.1.119	67b563331c29bfbf474fe3acb6fee409efbd96d519cab6b9e6b4b49e08450fd1	3	owner	2026-11-23 02:17:57.981839+00
1	15	meter.metering	3.0.2	a2fa5ee69b3a7fb7b31e593ceeca25b1f94ef37fab327deb9bc78570b648d8b0	3	owner	2026-11-23 02:17:57.981839+00
1	16	meter.os	3.0.2	e08e6011a2429ea82034cb5050326d0efececd22d8cb5dfb404f156c90f7cebd	3	owner	2026-11-23 02:17:57.981839+00
1	17	pump.bootloader	1.4	d68d8898fb58547069751bcf43fa080f12b742f3d7cf4f948b6089eba173e900	3	owner	2026-11-23 02:17:57.981839+00
1	18	pump.kernel	6.1.119	84509d90f4fb38730586519216d1c6b54440c9100a9c13d141acd06a217be80f	3	owner	2026-11-23 02:17:57.981839+00
1	19	pump.os	4.2.1	af25b8878809caf749b4a094a3af6d72d096f72e370a44b62346c6e27a0945a6	3	owner	2026-11-23 02:17:57.981839+00
1	20	pump.pump-control	4.2.1	24c0e538695c776802b5d29e6174c0a49d873d8c4a506a16f71795882aa1a36c	3	owner	2026-11-23 02:17:57.981839+00
1	21	tracker.asset	1.9.4	94219e17aa658850b7e6b2d6e4e48e2022ecf3515e0a883bb38d51d897a8e496	3	owner	2026-11-23 02:17:57.981839+00
1	22	tracker.bootloader	1.4	0dabc716a5ef27618d8b7a18b6839015ffb73d87633f9ff1ba0eb1d4f26cba50	3	owner	2026-11-23 02:17:57.981839+00
1	23	tracker.kernel	6.1.119	9f66c34fa58dc83256d83fdff86aa5cc5964578f81447de2326712a7f7acf704	3	owner	2026-11-23 02:17:57.981839+00
1	24	tracker.os	1.9.4	05435280602aa2cf4ff269400c709792b7a9642f6a11a0d205ac024e9755efea	3	owner	2026-11-23 02:17:57.981839+00
\.


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.schema_version (version, name, sha256, applied_at) FROM stdin;
1	0001_spine.sql	e95377920b7e48aa29a3eccc84ab2c994f149fea0095cb2f7f439030e6b65daa	2026-11-23 02:17:53.740823+00
\.


--
-- Data for Name: secret; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.secret (name, value) FROM stdin;
installation	\\x6e14750a79a888a487b9dddc1767d9fcc5159ff72c500810b354f00b3d2d6b76
\.


--
-- Data for Name: session; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.session (hash, account, remote, agent, created_at, seen_at) FROM stdin;
\.


--
-- Data for Name: shape; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.shape (catalog, id, names) FROM stdin;
1	2	{temp.room,temp.coil,humidity,door.open,compressor.on}
1	1	{door.open,motor.a,temp.board,passes,supply.v}
1	3	{co2.ppm,temp.room,humidity,pm25.ug_m3,fan.rpm}
\.


--
-- Data for Name: telemetry_2026112302; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.telemetry_2026112302 (catalog, device, ts, shape, vals) FROM stdin;
1	1882613641981722626	2026-11-23 02:17:58.308+00	1	{0,1.74,39.61,34725,24.18}
1	1882613641981722627	2026-11-23 02:17:58.165+00	2	{3.64,-6.67,68.07,0,1}
1	1882613641981722624	2026-11-23 02:17:58.732+00	3	{748.24,21.97,47.37,7.13,1388.87}
1	1882613641981722625	2026-11-23 02:17:59.616+00	1	{0,1.64,37,34725,24.23}
1	1882613641981722628	2026-11-23 02:18:00.011+00	2	{2.93,-6.23,71.85,0,1}
1	1882613641981722627	2026-11-23 02:18:00.157+00	2	{3.74,-6.79,69.13,0,1}
1	1882613641981722626	2026-11-23 02:18:00.296+00	1	{0,1.46,40.35,34725,24.19}
1	1882613641981722624	2026-11-23 02:18:00.732+00	3	{760.68,22.08,48.1,7.54,1355.02}
1	1882613641981722625	2026-11-23 02:18:01.616+00	1	{0,1.75,36.47,34725,24.22}
1	1882613641981722628	2026-11-23 02:18:02.011+00	2	{2.97,-6.64,70.81,0,1}
1	1882613641981722627	2026-11-23 02:18:02.156+00	2	{3.62,-6.89,68.59,0,1}
1	1882613641981722626	2026-11-23 02:18:02.297+00	1	{0,1.66,40.12,34725,24.21}
1	1882613641981722624	2026-11-23 02:18:02.732+00	3	{756.77,22.04,48.19,7.52,1376.82}
1	1882613641981722625	2026-11-23 02:18:03.616+00	1	{0,1.95,36.45,34725,24.2}
1	1882613641981722628	2026-11-23 02:18:04.01+00	2	{2.86,-6.31,71.73,0,1}
\.


--
-- Data for Name: telemetry_2026112303; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.telemetry_2026112303 (catalog, device, ts, shape, vals) FROM stdin;
\.


--
-- Data for Name: telemetry_2026112304; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.telemetry_2026112304 (catalog, device, ts, shape, vals) FROM stdin;
\.


--
-- Data for Name: telemetry_2026112305; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.telemetry_2026112305 (catalog, device, ts, shape, vals) FROM stdin;
\.


--
-- Name: account_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.account_id_seq', 1, true);


--
-- Name: api_token_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.api_token_id_seq', 1, true);


--
-- Name: catalog_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.catalog_id_seq', 1, true);


--
-- Name: reference_value_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.reference_value_id_seq', 24, true);


--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);


--
-- Name: api_token api_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_hash_key UNIQUE (hash);


--
-- Name: api_token api_token_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);


--
-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (chain, seq);


--
-- Name: audit_seal audit_seal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_seal
    ADD CONSTRAINT audit_seal_pkey PRIMARY KEY (chain, seq);


--
-- Name: catalog catalog_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.catalog
    ADD CONSTRAINT catalog_name_key UNIQUE (name);


--
-- Name: catalog catalog_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.catalog
    ADD CONSTRAINT catalog_pkey PRIMARY KEY (id);


--
-- Name: device device_fingerprint_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_fingerprint_key UNIQUE (fingerprint);


--
-- Name: device device_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_id_key UNIQUE (id);


--
-- Name: device device_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (catalog, device);


--
-- Name: device_state device_state_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device_state
    ADD CONSTRAINT device_state_pkey PRIMARY KEY (catalog, device);


--
-- Name: device_trust device_trust_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device_trust
    ADD CONSTRAINT device_trust_pkey PRIMARY KEY (catalog, device);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (account, key);


--
-- Name: ingest_batch ingest_batch_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ingest_batch
    ADD CONSTRAINT ingest_batch_pkey PRIMARY KEY (id);


--
-- Name: reference_value reference_value_catalog_component_sha256_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reference_value
    ADD CONSTRAINT reference_value_catalog_component_sha256_key UNIQUE (catalog, component, sha256);


--
-- Name: reference_value reference_value_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reference_value
    ADD CONSTRAINT reference_value_pkey PRIMARY KEY (catalog, id);


--
-- Name: schema_version schema_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY (version);


--
-- Name: secret secret_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.secret
    ADD CONSTRAINT secret_pkey PRIMARY KEY (name);


--
-- Name: session session_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (hash);


--
-- Name: shape shape_catalog_names_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.shape
    ADD CONSTRAINT shape_catalog_names_key UNIQUE (catalog, names);


--
-- Name: shape shape_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.shape
    ADD CONSTRAINT shape_pkey PRIMARY KEY (catalog, id);


--
-- Name: account_name; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX account_name ON public.account USING btree (lower(name));


--
-- Name: api_token_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX api_token_account ON public.api_token USING btree (account);


--
-- Name: device_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX device_id ON public.device USING btree (catalog, id);


--
-- Name: device_lifecycle; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX device_lifecycle ON public.device USING btree (catalog, lifecycle, device);


--
-- Name: device_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX device_name ON public.device USING btree (catalog, name, device);


--
-- Name: device_state_unwell; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX device_state_unwell ON public.device_state USING btree (catalog, state, device) WHERE (state <> 1);


--
-- Name: device_tags; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX device_tags ON public.device USING gin (tags jsonb_path_ops);


--
-- Name: idempotency_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_age ON public.idempotency USING btree (created_at);


--
-- Name: journal_device; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX journal_device ON ONLY public.journal USING btree (catalog, device, ts, seq);


--
-- Name: journal_2026112302_catalog_device_ts_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX journal_2026112302_catalog_device_ts_seq_idx ON public.journal_2026112302 USING btree (catalog, device, ts, seq);


--
-- Name: journal_2026112303_catalog_device_ts_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX journal_2026112303_catalog_device_ts_seq_idx ON public.journal_2026112303 USING btree (catalog, device, ts, seq);


--
-- Name: journal_2026112304_catalog_device_ts_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX journal_2026112304_catalog_device_ts_seq_idx ON public.journal_2026112304 USING btree (catalog, device, ts, seq);


--
-- Name: journal_2026112305_catalog_device_ts_seq_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX journal_2026112305_catalog_device_ts_seq_idx ON public.journal_2026112305 USING btree (catalog, device, ts, seq);


--
-- Name: session_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX session_account ON public.session USING btree (account);


--
-- Name: telemetry_device; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_device ON ONLY public.telemetry USING btree (catalog, device, ts);


--
-- Name: telemetry_2026112302_catalog_device_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112302_catalog_device_ts_idx ON public.telemetry_2026112302 USING btree (catalog, device, ts);


--
-- Name: telemetry_ts; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_ts ON ONLY public.telemetry USING brin (ts);


--
-- Name: telemetry_2026112302_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112302_ts_idx ON public.telemetry_2026112302 USING brin (ts);


--
-- Name: telemetry_2026112303_catalog_device_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112303_catalog_device_ts_idx ON public.telemetry_2026112303 USING btree (catalog, device, ts);


--
-- Name: telemetry_2026112303_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112303_ts_idx ON public.telemetry_2026112303 USING brin (ts);


--
-- Name: telemetry_2026112304_catalog_device_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112304_catalog_device_ts_idx ON public.telemetry_2026112304 USING btree (catalog, device, ts);


--
-- Name: telemetry_2026112304_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112304_ts_idx ON public.telemetry_2026112304 USING brin (ts);


--
-- Name: telemetry_2026112305_catalog_device_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112305_catalog_device_ts_idx ON public.telemetry_2026112305 USING btree (catalog, device, ts);


--
-- Name: telemetry_2026112305_ts_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX telemetry_2026112305_ts_idx ON public.telemetry_2026112305 USING brin (ts);


--
-- Name: journal_2026112302_catalog_device_ts_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.journal_device ATTACH PARTITION public.journal_2026112302_catalog_device_ts_seq_idx;


--
-- Name: journal_2026112303_catalog_device_ts_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.journal_device ATTACH PARTITION public.journal_2026112303_catalog_device_ts_seq_idx;


--
-- Name: journal_2026112304_catalog_device_ts_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.journal_device ATTACH PARTITION public.journal_2026112304_catalog_device_ts_seq_idx;


--
-- Name: journal_2026112305_catalog_device_ts_seq_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.journal_device ATTACH PARTITION public.journal_2026112305_catalog_device_ts_seq_idx;


--
-- Name: telemetry_2026112302_catalog_device_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_device ATTACH PARTITION public.telemetry_2026112302_catalog_device_ts_idx;


--
-- Name: telemetry_2026112302_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_ts ATTACH PARTITION public.telemetry_2026112302_ts_idx;


--
-- Name: telemetry_2026112303_catalog_device_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_device ATTACH PARTITION public.telemetry_2026112303_catalog_device_ts_idx;


--
-- Name: telemetry_2026112303_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_ts ATTACH PARTITION public.telemetry_2026112303_ts_idx;


--
-- Name: telemetry_2026112304_catalog_device_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_device ATTACH PARTITION public.telemetry_2026112304_catalog_device_ts_idx;


--
-- Name: telemetry_2026112304_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_ts ATTACH PARTITION public.telemetry_2026112304_ts_idx;


--
-- Name: telemetry_2026112305_catalog_device_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_device ATTACH PARTITION public.telemetry_2026112305_catalog_device_ts_idx;


--
-- Name: telemetry_2026112305_ts_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.telemetry_ts ATTACH PARTITION public.telemetry_2026112305_ts_idx;


--
-- Name: audit audit_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();


--
-- Name: audit_seal audit_seal_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_seal_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_seal FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();


--
-- Name: account account_catalog_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_catalog_fkey FOREIGN KEY (catalog) REFERENCES public.catalog(id);


--
-- Name: api_token api_token_account_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_account_fkey FOREIGN KEY (account) REFERENCES public.account(id) ON DELETE CASCADE;


--
-- Name: api_token api_token_catalog_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_catalog_fkey FOREIGN KEY (catalog) REFERENCES public.catalog(id);


--
-- Name: device device_catalog_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_catalog_fkey FOREIGN KEY (catalog) REFERENCES public.catalog(id);


--
-- Name: reference_value reference_value_catalog_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reference_value
    ADD CONSTRAINT reference_value_catalog_fkey FOREIGN KEY (catalog) REFERENCES public.catalog(id);


--
-- Name: session session_account_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_account_fkey FOREIGN KEY (account) REFERENCES public.account(id) ON DELETE CASCADE;


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT ALL ON SCHEMA public TO orrery_server;


--
-- Name: TABLE account; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.account TO orrery_server;


--
-- Name: TABLE api_token; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_token TO orrery_server;


--
-- Name: TABLE audit; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit TO orrery_server;


--
-- Name: TABLE audit_seal; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_seal TO orrery_server;


--
-- Name: TABLE catalog; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog TO orrery_server;


--
-- Name: TABLE device; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device TO orrery_server;


--
-- Name: TABLE device_state; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_state TO orrery_server;


--
-- Name: TABLE device_trust; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_trust TO orrery_server;


--
-- Name: TABLE device_row; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.device_row TO orrery_server;


--
-- Name: TABLE idempotency; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO orrery_server;


--
-- Name: TABLE ingest_batch; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ingest_batch TO orrery_server;


--
-- Name: TABLE reference_value; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.reference_value TO orrery_server;


--
-- Name: TABLE schema_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.schema_version TO orrery_server;


--
-- Name: TABLE secret; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.secret TO orrery_server;


--
-- Name: TABLE session; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session TO orrery_server;


--
-- Name: TABLE shape; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.shape TO orrery_server;


--
-- PostgreSQL database dump complete
--


