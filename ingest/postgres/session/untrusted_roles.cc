#include "ingest/postgres/session/untrusted_roles.h"

namespace usage_ingest::postgres::session {

// Every name and operator is of pg_catalog: the session's search_path may be anything.
const char* const kUntrustedRoles = R"sql(
WITH trusted AS (
  SELECT datdba AS oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
  UNION SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'public'
  UNION SELECT c.relowner FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relname IN ('users', 'usage_logs')
), untrusted AS (
  SELECT r.oid, r.rolname FROM pg_catalog.pg_roles AS r
   WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
     AND NOT EXISTS (SELECT FROM trusted AS t WHERE pg_catalog.pg_has_role(r.oid, t.oid, 'MEMBER'))
), makers AS (
  SELECT pg_catalog.quote_ident(u.rolname) AS role,
         EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a
                  WHERE a.grantee = 0 AND a.privilege_type = 'CREATE') AS is_public
    FROM untrusted AS u, pg_catalog.pg_namespace AS n
   WHERE n.nspname = 'public' AND pg_catalog.has_schema_privilege(u.oid, n.oid, 'CREATE')
)
SELECT pg_catalog.format('%s may create functions and operators in schema public',
                         pg_catalog.string_agg(role, ', ' ORDER BY role)),
       pg_catalog.format('REVOKE CREATE ON SCHEMA public FROM %s',
                         CASE WHEN is_public THEN 'PUBLIC'
                              ELSE pg_catalog.string_agg(role, ', ' ORDER BY role) END)
  FROM makers GROUP BY is_public
UNION ALL
SELECT pg_catalog.format('function %s belongs to %I', p.oid::pg_catalog.regprocedure, u.rolname),
       pg_catalog.format('DROP FUNCTION %s', p.oid::pg_catalog.regprocedure)
  FROM pg_catalog.pg_proc AS p JOIN untrusted AS u ON u.oid = p.proowner
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname = 'public'
UNION ALL
SELECT pg_catalog.format('operator %s belongs to %I', o.oid::pg_catalog.regoperator, u.rolname),
       pg_catalog.format('DROP OPERATOR %s', o.oid::pg_catalog.regoperator)
  FROM pg_catalog.pg_operator AS o JOIN untrusted AS u ON u.oid = o.oprowner
  JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace AND n.nspname = 'public')sql";

}  // namespace usage_ingest::postgres::session
