-- The tables of a template library, as tools of the ecosystem expect them.

CREATE TABLE adaptation_rules (
  adaptation_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  rule_name TEXT NOT NULL,
  condition TEXT NOT NULL,
  action TEXT NOT NULL,
  parameters TEXT,
  priority INTEGER DEFAULT 0,
  description TEXT,
  active INTEGER DEFAULT 1,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE code_requirements (
  requirement_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  code_name TEXT NOT NULL,
  section_reference TEXT,
  requirement_type TEXT,
  parameter_name TEXT,
  value REAL,
  value_max REAL,
  unit TEXT,
  mandatory INTEGER DEFAULT 1,
  description TEXT,
  validation_formula TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE derivation_rules (
  rule_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  rule_name TEXT NOT NULL,
  rule_type TEXT NOT NULL,
  trigger_condition TEXT,
  formula TEXT,
  priority INTEGER DEFAULT 0,
  description TEXT,
  active INTEGER DEFAULT 1,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE element_templates (
  template_id TEXT PRIMARY KEY,
  template_name TEXT NOT NULL,
  version TEXT NOT NULL,
  category TEXT NOT NULL,
  subcategory TEXT,
  ifc_class TEXT NOT NULL,
  predefined_type TEXT,
  object_type TEXT,
  description TEXT,
  confidence_score REAL DEFAULT 0.0,
  usage_count INTEGER DEFAULT 0,
  created_date TEXT,
  modified_date TEXT,
  extracted_from TEXT,
  instance_count INTEGER,
  status TEXT DEFAULT 'active',
  notes TEXT
);

CREATE TABLE geometry_definitions (
  geometry_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  geometry_type TEXT NOT NULL,
  dimensions TEXT,
  shape_parameters TEXT,
  representation_type TEXT,
  lod INTEGER DEFAULT 100,
  geometry_data TEXT,
  description TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE material_specifications (
  spec_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  material_name TEXT,
  material_category TEXT,
  finish TEXT,
  cost_per_unit REAL,
  currency TEXT DEFAULT 'USD',
  install_time_hours REAL,
  weight_kg REAL,
  fire_rating TEXT,
  sustainability_rating TEXT,
  manufacturer TEXT,
  model_number TEXT,
  properties TEXT,
  last_updated TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE schema_version (
  version TEXT PRIMARY KEY,
  applied_date TEXT,
  description TEXT
);

CREATE TABLE spatial_patterns (
  pattern_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  pattern_type TEXT NOT NULL,
  layout_strategy TEXT,
  spacing_rules TEXT,
  orientation_rules TEXT,
  clearance_requirements TEXT,
  alignment_rules TEXT,
  code_references TEXT,
  description TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE template_categories (
  category_id TEXT PRIMARY KEY,
  category_name TEXT NOT NULL,
  parent_category_id TEXT,
  display_order INTEGER DEFAULT 0,
  icon TEXT,
  description TEXT
);

CREATE TABLE template_parameters (
  param_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  param_name TEXT NOT NULL,
  param_type TEXT NOT NULL,
  param_category TEXT NOT NULL,
  default_value TEXT,
  min_value REAL,
  max_value REAL,
  enum_options TEXT,
  unit TEXT,
  editable INTEGER DEFAULT 0,
  description TEXT,
  affects TEXT,
  validation_rule TEXT,
  code_reference TEXT,
  priority INTEGER DEFAULT 0,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE template_relationships (
  relationship_id TEXT PRIMARY KEY,
  parent_template_id TEXT NOT NULL,
  child_template_id TEXT NOT NULL,
  relationship_type TEXT NOT NULL,
  description TEXT
);

CREATE TABLE template_set_metadata (
  metadata_id TEXT PRIMARY KEY,
  set_name TEXT NOT NULL,
  version TEXT NOT NULL,
  created_date TEXT,
  author TEXT,
  description TEXT,
  source_project TEXT,
  source_database TEXT,
  extraction_date TEXT,
  total_templates INTEGER,
  validation_accuracy REAL,
  compatibility_info TEXT,
  changelog TEXT,
  notes TEXT
);

CREATE TABLE usage_statistics (
  usage_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  project_name TEXT,
  project_type TEXT,
  usage_date TEXT NOT NULL,
  elements_generated INTEGER,
  user_adjustments INTEGER,
  success_rating INTEGER,
  feedback TEXT,
  user_name TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE TABLE validation_history (
  validation_id TEXT PRIMARY KEY,
  template_id TEXT NOT NULL,
  validation_date TEXT NOT NULL,
  test_scenario TEXT,
  test_project TEXT,
  accuracy_pct REAL,
  spatial_delta_avg REAL,
  spatial_delta_max REAL,
  element_count_match REAL,
  property_match_pct REAL,
  passed INTEGER,
  notes TEXT,
  validator_name TEXT,
  FOREIGN KEY (template_id) REFERENCES element_templates(template_id) ON DELETE CASCADE
);

CREATE VIEW v_active_templates AS SELECT * FROM element_templates WHERE status = 'active';

CREATE VIEW v_complete_templates AS
  SELECT t.*,
    (SELECT COUNT(*) FROM template_parameters p WHERE p.template_id = t.template_id) AS parameter_count,
    (SELECT COUNT(*) FROM derivation_rules r WHERE r.template_id = t.template_id) AS rule_count,
    (SELECT COUNT(*) FROM spatial_patterns s WHERE s.template_id = t.template_id) AS pattern_count,
    (SELECT COUNT(*) FROM code_requirements c WHERE c.template_id = t.template_id) AS requirement_count
  FROM element_templates t;

CREATE VIEW v_template_statistics AS
  SELECT category, COUNT(*) AS template_count, AVG(confidence_score) AS average_confidence
  FROM element_templates GROUP BY category;
