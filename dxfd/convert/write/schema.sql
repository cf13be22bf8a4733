-- The result database: the federation schema that Bonsai's federation module and its tools read, and what is ours.
-- Metres everywhere; bodies about their own centre; world = stored + coordinate_metadata.offset; id joins all tables.
-- Unique indexes on guid and geometry_hash are made at the end: ten times cheaper than keeping them while writing.

CREATE TABLE elements_meta (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL,
  discipline TEXT NOT NULL,
  ifc_class TEXT NOT NULL,
  filepath TEXT DEFAULT :filepath,  -- what all elements have is not sent with each: a tenth of the time of a row
  element_name TEXT,
  element_type TEXT,
  element_description TEXT,
  storey TEXT DEFAULT :storey,
  material_name TEXT,
  material_rgba TEXT,
  building TEXT DEFAULT :building,
  predefined_type TEXT,
  geometry_hash TEXT,      -- of a body that others have too; NULL: the body's key is the element's guid
  rule_id TEXT NOT NULL,   -- the template that made it
  dxf_handle TEXT,
  dxf_type TEXT NOT NULL,
  dxf_layer TEXT NOT NULL,
  dxf_block TEXT
);

CREATE TABLE element_transforms (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL,
  center_x REAL NOT NULL, center_y REAL NOT NULL, center_z REAL NOT NULL,
  rotation_x REAL NOT NULL DEFAULT 0.0, rotation_y REAL NOT NULL DEFAULT 0.0, rotation_z REAL NOT NULL DEFAULT 0.0,  -- radians, Euler XYZ
  length REAL,
  bbox_x REAL NOT NULL, bbox_y REAL NOT NULL, bbox_z REAL NOT NULL,              -- size of the box along the world's axes
  transform_source TEXT NOT NULL DEFAULT 'dxf_conversion'
);

CREATE TABLE base_geometries (
  id INTEGER PRIMARY KEY,  -- the element's id; negative for shared bodies
  geometry_hash TEXT NOT NULL,
  vertices BLOB NOT NULL,  -- <f4 x,y,z
  faces BLOB NOT NULL,     -- <u4 triples, counter-clockwise from outside; empty for curves
  normals BLOB,
  vertex_count INTEGER NOT NULL,
  face_count INTEGER NOT NULL
);

CREATE TABLE element_properties (
  element_id INTEGER NOT NULL,
  guid TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT
);

CREATE VIEW element_instances AS
  SELECT guid, COALESCE(geometry_hash, guid) AS geometry_hash FROM elements_meta;

CREATE VIEW element_geometry AS
  SELECT m.guid AS guid, g.geometry_hash AS geometry_hash, g.vertices AS vertices, g.faces AS faces,
         g.normals AS normals, g.vertex_count AS vertex_count, g.face_count AS face_count
  FROM elements_meta m JOIN base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid);

CREATE VIEW spatial_structure AS
  SELECT guid, building, storey, NULL AS space FROM elements_meta;

CREATE VIEW material_assignments AS
  SELECT guid, material_name, material_rgba AS rgba FROM elements_meta WHERE material_rgba IS NOT NULL;

CREATE VIEW element_source AS
  SELECT id, guid, dxf_handle AS handle, dxf_type AS entity_type, dxf_layer AS layer, dxf_block AS block, rule_id
  FROM elements_meta;

CREATE TABLE coordinate_metadata (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  offset_x REAL NOT NULL, offset_y REAL NOT NULL, offset_z REAL NOT NULL,  -- metres, added to come back to the drawing
  unit_scale REAL NOT NULL,                                                -- metres per drawing unit
  description TEXT
);

CREATE TABLE storeys (
  name TEXT NOT NULL,
  building TEXT NOT NULL,
  elevation_m REAL NOT NULL,     -- of its floor
  height_m REAL,                 -- floor to floor; NULL = not known
  ceiling_m REAL NOT NULL,       -- above its floor
  of_drawing INTEGER NOT NULL    -- 1: the drawing is of this storey
);

CREATE TABLE predicted_clashes (  -- filled on request
  discipline_a TEXT NOT NULL,
  discipline_b TEXT NOT NULL,
  clashes INTEGER NOT NULL,      -- pairs of boxes that overlap
  near INTEGER NOT NULL          -- pairs that keep less than their clearance
);

CREATE TABLE clash_zones (       -- squares of 5 m with three clashes or more
  x REAL NOT NULL,
  y REAL NOT NULL,
  clashes INTEGER NOT NULL
);

CREATE TABLE walls (             -- with walls = pairs: the elements that were made of lines side by side
  guid TEXT PRIMARY KEY,
  start_x REAL NOT NULL, start_y REAL NOT NULL, end_x REAL NOT NULL, end_y REAL NOT NULL,  -- centre line
  corner1_x REAL NOT NULL, corner1_y REAL NOT NULL, corner2_x REAL NOT NULL, corner2_y REAL NOT NULL,
  corner3_x REAL NOT NULL, corner3_y REAL NOT NULL, corner4_x REAL NOT NULL, corner4_y REAL NOT NULL,  -- in plan
  thickness_m REAL NOT NULL,
  foot_m REAL NOT NULL,
  height_m REAL NOT NULL,
  start_joint TEXT NOT NULL,     -- what the end meets: free, corner (of two walls), side (of another wall)
  end_joint TEXT NOT NULL,
  pairs INTEGER NOT NULL         -- of faces, one behind the other
);

CREATE TABLE wall_lines (        -- what they were made of
  wall TEXT NOT NULL,            -- guid of the wall
  element TEXT NOT NULL,         -- guid that the line has as an element of its own
  role TEXT NOT NULL CHECK (role IN ('face', 'within')),
  rest INTEGER NOT NULL,         -- 1: it is longer than its walls, and still an element
  dxf_handle TEXT,
  dxf_type TEXT NOT NULL,
  dxf_layer TEXT NOT NULL
);

CREATE TABLE wall_openings (
  guid TEXT PRIMARY KEY,         -- of the opening; it is no element
  wall TEXT NOT NULL,            -- guid of the wall whose body leaves it out
  filling TEXT NOT NULL,         -- guid of the door or window in it
  from_m REAL NOT NULL, to_m REAL NOT NULL,    -- along the centre line, from its start
  sill_m REAL NOT NULL, head_m REAL NOT NULL   -- above the wall's foot
);

CREATE TABLE global_offset (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  offset_x REAL NOT NULL, offset_y REAL NOT NULL, offset_z REAL NOT NULL,  -- consumers subtract it: centre x, y, lowest z
  min_x REAL NOT NULL, min_y REAL NOT NULL, min_z REAL NOT NULL,
  max_x REAL NOT NULL, max_y REAL NOT NULL, max_z REAL NOT NULL
);

CREATE TABLE ledger (
  entity_type TEXT NOT NULL,
  layer TEXT NOT NULL,
  block TEXT NOT NULL,
  space TEXT NOT NULL CHECK (space IN ('model', 'paper')),
  layout TEXT NOT NULL,    -- Model, the paper layout's name, or empty where it was not looked for
  origin TEXT NOT NULL CHECK (origin IN ('entity', 'content')),  -- of the drawing, or of an exploded block reference
  outcome TEXT NOT NULL CHECK (outcome IN ('element', 'exploded', 'skipped', 'error')),
  reason TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  first_handle TEXT NOT NULL
);

CREATE TABLE _ledger (
  entity_type TEXT, layer TEXT, block TEXT, space TEXT, layout TEXT, origin TEXT, outcome TEXT, reason TEXT,
  count INTEGER, first_handle TEXT
);

CREATE TABLE layers (
  name TEXT PRIMARY KEY,
  color INTEGER NOT NULL,       -- ACI
  rgba TEXT NOT NULL,           -- what BYLAYER looks like: r,g,b,a
  frozen INTEGER NOT NULL,
  off INTEGER NOT NULL,
  locked INTEGER NOT NULL,
  plotted INTEGER NOT NULL,
  linetype TEXT NOT NULL,
  lineweight INTEGER NOT NULL   -- hundredths of a millimetre; -3 the default
);

CREATE TABLE georeference (     -- the drawing's GEODATA: reference = where design lies in the coordinate system
  id INTEGER PRIMARY KEY CHECK (id = 1),
  handle TEXT NOT NULL,
  version INTEGER NOT NULL,
  coordinate_type TEXT NOT NULL,
  epsg INTEGER,
  crs_name TEXT NOT NULL,
  design_x REAL NOT NULL, design_y REAL NOT NULL, design_z REAL NOT NULL,           -- WCS, drawing units
  reference_x REAL NOT NULL, reference_y REAL NOT NULL, reference_z REAL NOT NULL,  -- coordinate system
  north_x REAL NOT NULL, north_y REAL NOT NULL,
  up_x REAL NOT NULL, up_y REAL NOT NULL, up_z REAL NOT NULL,
  horizontal_scale REAL NOT NULL, vertical_scale REAL NOT NULL,                     -- metres per drawing unit
  horizontal_units INTEGER NOT NULL, vertical_units INTEGER NOT NULL,
  scale_method INTEGER NOT NULL, user_scale REAL NOT NULL,
  sea_level_elevation REAL,
  projection_radius REAL NOT NULL,
  definition TEXT NOT NULL,
  rss_tag TEXT NOT NULL
);

CREATE TABLE conversion_issues (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('error', 'notice')),
  handle TEXT,
  line INTEGER,
  entity_type TEXT,
  layer TEXT,
  message TEXT NOT NULL
);

CREATE TABLE run_report (
  key TEXT PRIMARY KEY,
  value TEXT
) WITHOUT ROWID;

CREATE TABLE _conversion_progress (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('in_progress', 'indexing')),
  started_at TEXT NOT NULL,
  last_checkpoint_at TEXT NOT NULL,
  dxf_filepath TEXT NOT NULL,
  source_fingerprint TEXT NOT NULL,
  config_fingerprint TEXT NOT NULL,
  config_json TEXT NOT NULL,
  total_entities INTEGER NOT NULL,
  entities_read INTEGER NOT NULL,
  entities_matched INTEGER NOT NULL,
  entities_exploded INTEGER NOT NULL,
  entities_skipped INTEGER NOT NULL,
  content_read INTEGER NOT NULL,
  content_matched INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  damages INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  parts_done INTEGER NOT NULL,
  elements_written INTEGER NOT NULL,
  current_batch_number INTEGER NOT NULL,
  batch_size INTEGER NOT NULL,
  section INTEGER NOT NULL,
  byte_offset INTEGER NOT NULL,
  line_number INTEGER NOT NULL,
  last_entity_id TEXT NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  elapsed_s REAL NOT NULL
);
