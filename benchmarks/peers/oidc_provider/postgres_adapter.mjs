// An adapter that keeps oidc-provider's models in one PostgreSQL table, as the documentation's
// chapter on adapters asks (docs/README.md, "adapter", and example/my_adapter.js).

const TABLE = `
  CREATE TABLE oidc_models (
    id text NOT NULL,
    model text NOT NULL,
    payload json NOT NULL,
    grant_id text,
    user_code text,
    uid text,
    expires_at timestamptz,
    consumed_at timestamptz,
    PRIMARY KEY (id, model)
  );
  CREATE INDEX ON oidc_models (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX ON oidc_models (user_code) WHERE user_code IS NOT NULL;
  CREATE INDEX ON oidc_models (uid) WHERE uid IS NOT NULL;
`;

const UPSERT = `
  INSERT INTO oidc_models (id, model, payload, grant_id, user_code, uid, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
  ON CONFLICT (id, model) DO UPDATE SET
    payload = excluded.payload, grant_id = excluded.grant_id, user_code = excluded.user_code,
    uid = excluded.uid, expires_at = excluded.expires_at
`;
const FOUND = "SELECT payload, consumed_at FROM oidc_models WHERE model = $1";
const ALIVE = "AND (expires_at IS NULL OR expires_at > now())";

export const makeTable = (pool) => pool.query(TABLE);

// A class of adapters on a pool; oidc-provider makes one for each model. Every statement has a
// name, so that a connection prepares it once.
export const postgresAdapter = (pool) =>
  class {
    constructor(model) {
      this.model = model;
    }

    async upsert(id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload;
      const body = JSON.stringify(payload);
      const values = [id, this.model, body, grantId, userCode, uid, expiresIn ?? null];
      await pool.query({ name: "upsert", text: UPSERT, values });
    }

    async find(id) {
      return this.#one("id", id);
    }

    async findByUid(uid) {
      return this.#one("uid", uid);
    }

    async findByUserCode(userCode) {
      return this.#one("user_code", userCode);
    }

    async #one(column, value) {
      const { rows } = await pool.query({
        name: `by_${column}`,
        text: `${FOUND} AND ${column} = $2 ${ALIVE}`,
        values: [this.model, value],
      });
      if (rows.length === 0) return undefined;
      const [{ payload, consumed_at: consumed }] = rows;
      return consumed ? { ...payload, consumed: Math.floor(consumed / 1000) } : payload;
    }

    async consume(id) {
      await pool.query({
        name: "consume",
        text: "UPDATE oidc_models SET consumed_at = now() WHERE model = $1 AND id = $2",
        values: [this.model, id],
      });
    }

    async destroy(id) {
      await pool.query({
        name: "destroy",
        text: "DELETE FROM oidc_models WHERE model = $1 AND id = $2",
        values: [this.model, id],
      });
    }

    async revokeByGrantId(grantId) {
      await pool.query({
        name: "revoke",
        text: "DELETE FROM oidc_models WHERE grant_id = $1",
        values: [grantId],
      });
    }
  };
