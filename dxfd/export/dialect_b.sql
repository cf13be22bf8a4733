-- The federation layout, all of it as tables: equal bodies once, under the hash of their content.

CREATE TABLE elements_meta (
  id INTEGER PRIMARY KEY,
  guid TEXT UNIQUE NOT NULL,
  discipline TEXT, ifc_class TEXT, filepath TEXT,
  element_name TEXT, element_type TEXT, element_description TEXT,
  storey TEXT, material_name TEXT, material_rgba TEXT, building TEXT
);
INSERT INTO elements_meta
  SELECT id, guid, discipline, ifc_class, filepath, element_name, element_type, element_description, storey,
         material_name, material_rgba, building FROM source.elements_meta ORDER BY id;

CREATE TABLE element_transforms (
  guid TEXT PRIMARY KEY,
  center_x REAL NOT NULL, center_y REAL NOT NULL, center_z REAL NOT NULL,
  rotation_x REAL NOT NULL, rotation_y REAL NOT NULL, rotation_z REAL NOT NULL,
  length REAL, bbox_x REAL, bbox_y REAL, bbox_z REAL, transform_source TEXT
);
INSERT INTO element_transforms
  SELECT guid, x, y, z, turn_x, turn_y, turn_z, length, bbox_x, bbox_y, bbox_z, 'dxf_conversion' FROM place ORDER BY id;

CREATE TABLE base_geometries (
  geometry_hash TEXT PRIMARY KEY,
  vertices BLOB NOT NULL, faces BLOB NOT NULL, normals BLOB, vertex_count INTEGER, face_count INTEGER
);
INSERT OR IGNORE INTO base_geometries
  SELECT digest(vertices, faces, 64), vertices, faces, NULL, length(vertices) / 12, length(faces) / 12
  FROM part;

CREATE TABLE element_instances (guid TEXT PRIMARY KEY, geometry_hash TEXT NOT NULL);
INSERT INTO element_instances SELECT guid, digest(vertices, faces, 64) FROM part;

CREATE VIEW element_geometry AS
  SELECT i.guid, g.geometry_hash, g.vertices, g.faces, g.normals, g.vertex_count, g.face_count
  FROM element_instances i JOIN base_geometries g ON g.geometry_hash = i.geometry_hash;

CREATE TABLE element_properties (guid TEXT NOT NULL, name TEXT NOT NULL, value TEXT);
INSERT INTO element_properties SELECT guid, name, value FROM source.element_properties ORDER BY element_id, rowid;
CREATE INDEX element_properties_guid ON element_properties (guid);

CREATE TABLE spatial_structure (guid TEXT PRIMARY KEY, building TEXT, storey TEXT, space TEXT);
INSERT INTO spatial_structure SELECT guid, building, storey, NULL FROM source.elements_meta ORDER BY id;

CREATE TABLE material_assignments (guid TEXT PRIMARY KEY, material_name TEXT, rgba TEXT);
INSERT INTO material_assignments
  SELECT guid, material_name, material_rgba FROM source.elements_meta WHERE material_rgba IS NOT NULL ORDER BY id;

CREATE TABLE coordinate_metadata (
  id INTEGER PRIMARY KEY, offset_x REAL, offset_y REAL, offset_z REAL, unit_scale REAL, description TEXT
);
INSERT INTO coordinate_metadata
  SELECT 1, offset_x, offset_y, offset_z, unit_scale, description FROM source.coordinate_metadata;

CREATE TABLE global_offset (
  id INTEGER PRIMARY KEY, offset_x REAL, offset_y REAL, offset_z REAL,
  min_x REAL, min_y REAL, min_z REAL, max_x REAL, max_y REAL, max_z REAL
);
INSERT INTO global_offset
  SELECT 1, offset_x, offset_y, offset_z, min_x, min_y, min_z, max_x, max_y, max_z FROM source.global_offset LIMIT 1;

CREATE TABLE extraction_metadata (key TEXT PRIMARY KEY, value TEXT);
INSERT INTO extraction_metadata SELECT key, value FROM fact WHERE key IN ('source_file', 'import_date');

CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ);
-- its boxes are copied: see spatial.py
