-- The layout of the browser viewer's first databases: bodies in component_geometries, an R-tree, empty schedules.

CREATE TABLE project_metadata (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO project_metadata SELECT key, value FROM fact
  WHERE key IN ('project_name', 'building_name', 'source_file', 'import_date');

CREATE TABLE elements_meta (
  id INTEGER PRIMARY KEY,
  guid TEXT UNIQUE NOT NULL,
  ifc_class TEXT, element_name TEXT, element_type TEXT, storey TEXT, discipline TEXT,
  material_name TEXT, material_rgba TEXT, building TEXT
);
INSERT INTO elements_meta
  SELECT id, guid, ifc_class, element_name, element_type, storey, discipline, material_name, material_rgba, building
  FROM source.elements_meta ORDER BY id;

CREATE TABLE element_transforms (
  guid TEXT PRIMARY KEY,
  center_x REAL, center_y REAL, center_z REAL,
  rotation_x REAL, rotation_y REAL, rotation_z REAL,
  bbox_x REAL, bbox_y REAL, bbox_z REAL
);
INSERT INTO element_transforms
  SELECT guid, x, y, z, turn_x, turn_y, turn_z, bbox_x, bbox_y, bbox_z FROM place ORDER BY id;

CREATE TABLE component_geometries (
  geometry_hash TEXT PRIMARY KEY, vertices BLOB, faces BLOB, normals BLOB, building TEXT
);
INSERT OR IGNORE INTO component_geometries
  SELECT digest(vertices, faces, 16), vertices, faces, NULL, NULL FROM part WHERE length(faces) > 0;

CREATE TABLE element_instances (guid TEXT PRIMARY KEY, geometry_hash TEXT);
INSERT INTO element_instances SELECT guid, digest(vertices, faces, 16) FROM part WHERE length(faces) > 0;

CREATE TABLE spatial_structure (guid TEXT PRIMARY KEY, type TEXT, name TEXT, parent_guid TEXT);
INSERT INTO spatial_structure SELECT guid, type, name, parent_guid FROM structure ORDER BY number;

CREATE TABLE rel_contained_in_space (element_guid TEXT, space_guid TEXT, PRIMARY KEY (element_guid, space_guid));
CREATE TABLE rel_aggregates (parent_guid TEXT, child_guid TEXT, PRIMARY KEY (parent_guid, child_guid));
INSERT INTO rel_aggregates SELECT parent_guid, guid FROM structure WHERE parent_guid IS NOT NULL ORDER BY number;

CREATE TABLE schedules (schedule_id TEXT PRIMARY KEY, name TEXT, status TEXT, created_date TEXT);
CREATE TABLE tasks (
  task_id TEXT PRIMARY KEY, schedule_id TEXT, name TEXT, start_date TEXT, finish_date TEXT, duration_days REAL, status TEXT
);
CREATE TABLE task_sequences (
  predecessor_id TEXT, successor_id TEXT, sequence_type TEXT, lag_days REAL DEFAULT 0,
  PRIMARY KEY (predecessor_id, successor_id)
);
CREATE TABLE task_elements (task_id TEXT, guid TEXT, PRIMARY KEY (task_id, guid));

CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ);
-- its boxes are copied: see spatial.py
