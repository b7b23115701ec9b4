-- Run once by the PostgreSQL image, in an empty cluster, as its superuser. The superuser is used for nothing else.
-- psql reads the passwords from the secrets; they stand in no environment and no command line.
\set owner_password `cat /run/secrets/database_owner_password`
\set app_password `cat /run/secrets/database_app_password`

-- Owns the tables: migrates and restores.
CREATE ROLE watchword_owner LOGIN PASSWORD :'owner_password';
-- Serves. It cannot go around the walls between tenants, nor change or delete lines of the log.
CREATE ROLE watchword LOGIN PASSWORD :'app_password';

CREATE DATABASE watchword OWNER watchword_owner TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE watchword FROM PUBLIC;
GRANT CONNECT ON DATABASE watchword TO watchword;
\connect watchword
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO watchword_owner;
GRANT USAGE ON SCHEMA public TO watchword;
