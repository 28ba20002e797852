-- What Flextell connects as: the owner of its database and nothing more, for a superuser goes past
-- the wall between tenants. Run once, while the volume is empty. Afterwards the superuser has no
-- password: it gets in from inside the container only.
\set ON_ERROR_STOP on
\set password `cat /run/secrets/database_password`
CREATE ROLE flextell LOGIN PASSWORD :'password';
ALTER DATABASE flextell OWNER TO flextell;
ALTER ROLE postgres PASSWORD NULL;
