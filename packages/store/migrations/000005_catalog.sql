-- The catalog goes through all names in the order of their bytes, page by page from the last one, whatever collation the database has.

create index namespaces_catalog on directory.namespaces (name collate "C");
create index repository_names_catalog on directory.repository_names (namespace_id, name collate "C");
