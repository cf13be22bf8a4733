-- The published layout "ootb-building" version 1: core, geometry and spatial modules; guid is the key of everything.

PRAGMA user_version = 1;

CREATE TABLE project_metadata (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO project_metadata VALUES
  ('schema_name', 'ootb-building'), ('schema_version', '1'), ('modules', 'core,geometry,spatial');
INSERT INTO project_metadata SELECT key, value FROM fact WHERE key IN ('building_name', 'source_file', 'import_date');

CREATE TABLE elements_meta (
  guid TEXT PRIMARY KEY, ifc_guid TEXT, ifc_class TEXT NOT NULL, discipline TEXT, storey TEXT,
  element_name TEXT, element_type TEXT, material_name TEXT, material_rgba TEXT, building TEXT
);
INSERT INTO elements_meta
  SELECT guid, NULL, ifc_class, discipline, storey, element_name, element_type, material_name, material_rgba, building
  FROM source.elements_meta ORDER BY id;

CREATE TABLE element_transforms (
  guid TEXT PRIMARY KEY REFERENCES elements_meta(guid),
  center_x REAL, center_y REAL, center_z REAL,
  rotation_x REAL, rotation_y REAL, rotation_z REAL,
  bbox_x REAL, bbox_y REAL, bbox_z REAL,
  transform_source TEXT
);
INSERT INTO element_transforms
  SELECT guid, x, y, z, turn_x, turn_y, turn_z, bbox_x, bbox_y, bbox_z, 'dxf_conversion' FROM place ORDER BY id;

CREATE TABLE component_geometries (
  geometry_hash TEXT PRIMARY KEY, vertices BLOB NOT NULL, faces BLOB NOT NULL, normals BLOB, building TEXT
);
INSERT OR IGNORE INTO component_geometries
  SELECT digest(vertices, faces, 64), vertices, faces, NULL, NULL FROM part WHERE length(faces) > 0;

CREATE TABLE element_instances (guid TEXT PRIMARY KEY REFERENCES elements_meta(guid), geometry_hash TEXT NOT NULL);
INSERT INTO element_instances SELECT guid, digest(vertices, faces, 64) FROM part WHERE length(faces) > 0;

CREATE TABLE spatial_structure (
  guid TEXT PRIMARY KEY, type TEXT NOT NULL, name TEXT, parent_guid TEXT, object_type TEXT, predefined_type TEXT,
  center_x REAL, center_y REAL, center_z REAL, size_x REAL, size_y REAL, size_z REAL, elevation REAL, room_guid TEXT
);
INSERT INTO spatial_structure (guid, type, name, parent_guid, elevation)
  SELECT guid, type, name, parent_guid, elevation FROM structure ORDER BY number;

CREATE TABLE rel_contained_in_space (
  element_guid TEXT NOT NULL, space_guid TEXT NOT NULL, PRIMARY KEY (element_guid, space_guid)
);
CREATE TABLE rel_aggregates (
  parent_guid TEXT NOT NULL, child_guid TEXT NOT NULL, PRIMARY KEY (parent_guid, child_guid)
);
INSERT INTO rel_aggregates SELECT parent_guid, guid FROM structure WHERE parent_guid IS NOT NULL ORDER BY number;
