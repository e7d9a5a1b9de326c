// Include this last in every public header of core/ and plugins/.
//
// core/ and plugins/ know nothing of the server: they compile, test and fuzz
// without one. Only the skin may bring both together, through
// pgext/bridge/pg.h, which core/ and plugins/ cannot see; a file of theirs
// that reaches here after postgres.h does not compile.
#if defined(POSTGRES_H) && !defined(RUVECTOR_PGEXT_BRIDGE_PG_H_)
#error "core/ and plugins/ cannot include PostgreSQL headers"
#endif
