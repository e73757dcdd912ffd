#pragma once
// UntrustedRoles: roles that can make our statements call their functions.
//
// An operator is chosen by the types of its arguments, not by the order of search_path: =(varchar,
// text) in schema public is preferred to pg_catalog's =(text, text), and would run with the
// privileges of our session. So a role that owns functions in public, or may create them, can act
// as us, unless public is not searched at all.
//
// Trusted       superusers, this session's role, the owners of the database, of schema public and
//               of LiteMaaS' tables, and members of these.
// Source        PostgreSQL 15 manual, 10.2 "Operators" and 5.9.6 "Usage Patterns"; CVE-2018-1058.

namespace usage_ingest::postgres::session {

// A row for each way: what is wrong, and the SQL that repairs it.
extern const char* const kUntrustedRoles;

}  // namespace usage_ingest::postgres::session
