-- The first layout of the field: a body of its own for every element, in the model's frame, and no rotations.
-- Coordinates begin at the model's least x and y, so that global_offset is 0 whether a reader adds or subtracts it.

CREATE TABLE elements_meta (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  guid TEXT UNIQUE NOT NULL,
  discipline TEXT, ifc_class TEXT, filepath TEXT,
  element_name TEXT, element_type TEXT, element_description TEXT,
  storey TEXT, material_name TEXT, material_rgba TEXT,
  dimensions TEXT
);
INSERT INTO elements_meta
  SELECT m.id, m.guid, m.discipline, m.ifc_class, m.filepath, m.element_name, m.element_type, m.element_description,
         m.storey, m.material_name, m.material_rgba,
         json_object('length', COALESCE(p.length, p.bbox_x), 'width', p.bbox_y, 'height', p.bbox_z)
  FROM source.elements_meta m JOIN place p ON p.id = m.id ORDER BY m.id;

CREATE TABLE element_transforms (
  guid TEXT PRIMARY KEY,
  center_x REAL NOT NULL, center_y REAL NOT NULL, center_z REAL NOT NULL,
  transform_source TEXT
);
INSERT INTO element_transforms (rowid, guid, center_x, center_y, center_z, transform_source)
  SELECT id, guid, x, y, z, 'dxf_conversion' FROM place ORDER BY id;

CREATE TABLE base_geometries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  guid TEXT UNIQUE NOT NULL,
  geometry_hash TEXT NOT NULL,
  vertices BLOB, faces BLOB, normals BLOB
);
INSERT INTO base_geometries
  SELECT id, guid, digest(vertices, faces, 64), vertices, faces, NULL FROM part;

CREATE VIEW element_geometry AS SELECT guid, geometry_hash, vertices, faces, normals FROM base_geometries;

CREATE TABLE material_assignments (guid TEXT PRIMARY KEY, material_name TEXT, rgba TEXT);
INSERT INTO material_assignments
  SELECT guid, material_name, material_rgba FROM source.elements_meta WHERE material_rgba IS NOT NULL ORDER BY id;

CREATE TABLE coordinate_metadata (
  id INTEGER PRIMARY KEY, offset_x REAL, offset_y REAL, offset_z REAL, unit_scale REAL, description TEXT
);
INSERT INTO coordinate_metadata
  SELECT 1, c.offset_x + s.x, c.offset_y + s.y, c.offset_z + s.z, c.unit_scale, c.description
  FROM source.coordinate_metadata c, shift s;

CREATE TABLE global_offset (
  offset_x REAL, offset_y REAL, offset_z REAL,
  min_x REAL, min_y REAL, min_z REAL, max_x REAL, max_y REAL, max_z REAL
);
INSERT INTO global_offset
  SELECT 0.0, 0.0, 0.0, g.min_x - s.x, g.min_y - s.y, g.min_z - s.z, g.max_x - s.x, g.max_y - s.y, g.max_z - s.z
  FROM source.global_offset g, shift s LIMIT 1;

CREATE VIRTUAL TABLE elements_rtree USING rtree(id, minX, maxX, minY, maxY, minZ, maxZ);
-- its boxes are copied: see spatial.py
