-- What "msync schema" of version 4 printed.
CREATE TABLE IF NOT EXISTS key_value_store (
  id TEXT PRIMARY KEY NOT NULL,
  value_string TEXT,
  value_int BIGINT,
  value_bigint BIGINT,
  value_float DOUBLE,
  value_bool BOOLEAN
);
CREATE TABLE IF NOT EXISTS changelog (
  cursor INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  record_id TEXT NOT NULL,
  row_action TEXT NOT NULL CHECK (row_action IN ('UPSERT', 'DELETE')),
  name_link_id TEXT,
  store_id TEXT,
  is_sync_update BOOLEAN NOT NULL DEFAULT 0,
  source_site_id INTEGER
);
CREATE INDEX IF NOT EXISTS changelog_record
  ON changelog (record_id, table_name, cursor);
CREATE TABLE IF NOT EXISTS sync_buffer (
  id INTEGER PRIMARY KEY,
  record_id TEXT NOT NULL,
  received_datetime TEXT NOT NULL,
  integration_datetime TEXT,
  integration_error TEXT,
  table_name TEXT NOT NULL,
  action TEXT NOT NULL,
  data TEXT,
  source_site_id INTEGER,
  side INTEGER NOT NULL,
  error_field TEXT,
  first_failed_datetime TEXT,
  last_tried BIGINT,
  retry_at BIGINT,
  missing_table TEXT,
  missing_id TEXT,
  tries INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS sync_buffer_key
  ON sync_buffer (record_id, table_name, (CASE action WHEN 'MERGE' THEN ifnull(data, '') ELSE '' END));
CREATE INDEX IF NOT EXISTS sync_buffer_pending
  ON sync_buffer (table_name, action, id)
  WHERE integration_datetime IS NULL;
CREATE INDEX IF NOT EXISTS sync_buffer_failed
  ON sync_buffer (id) WHERE integration_datetime IS NULL
  AND integration_error IS NOT NULL;
CREATE INDEX IF NOT EXISTS sync_buffer_missing
  ON sync_buffer (missing_id) WHERE missing_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS sync_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  started_datetime TEXT NOT NULL,
  finished_datetime TEXT,
  prepare_initial_started_datetime TEXT,
  prepare_initial_finished_datetime TEXT,
  push_started_datetime TEXT,
  push_finished_datetime TEXT,
  push_progress_total INTEGER,
  push_progress_done INTEGER,
  pull_central_started_datetime TEXT,
  pull_central_finished_datetime TEXT,
  pull_central_progress_total INTEGER,
  pull_central_progress_done INTEGER,
  pull_remote_started_datetime TEXT,
  pull_remote_finished_datetime TEXT,
  pull_remote_progress_total INTEGER,
  pull_remote_progress_done INTEGER,
  pull_v6_started_datetime TEXT,
  pull_v6_finished_datetime TEXT,
  pull_v6_progress_total INTEGER,
  pull_v6_progress_done INTEGER,
  push_v6_started_datetime TEXT,
  push_v6_finished_datetime TEXT,
  push_v6_progress_total INTEGER,
  push_v6_progress_done INTEGER,
  integration_started_datetime TEXT,
  integration_finished_datetime TEXT,
  integration_progress_total INTEGER,
  integration_progress_done INTEGER,
  error_message TEXT,
  error_code TEXT,
  duration_in_seconds INTEGER
);
CREATE TABLE IF NOT EXISTS msync_refused (
  table_name TEXT NOT NULL,
  record_id TEXT NOT NULL,
  side INTEGER NOT NULL,
  row_action TEXT NOT NULL,
  error TEXT NOT NULL,
  first_failed_datetime TEXT NOT NULL,
  last_tried BIGINT NOT NULL,
  tries INTEGER NOT NULL,
  waits BOOLEAN NOT NULL DEFAULT 1,
  PRIMARY KEY (table_name, record_id, side)
);
CREATE TABLE IF NOT EXISTS msync_merged (
  table_name TEXT NOT NULL,
  record_id TEXT NOT NULL,
  kept_id TEXT NOT NULL,
  PRIMARY KEY (table_name, record_id)
);
CREATE TABLE IF NOT EXISTS msync_flag (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  integrating BOOLEAN NOT NULL
);
INSERT OR IGNORE INTO msync_flag (id, integrating) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS "abbreviation" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "abbreviation" TEXT NOT NULL DEFAULT '',
  "expansion" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "diagnosis" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "ICD_CODE" TEXT NOT NULL DEFAULT '',
  "ICD_DESCRIPTION" TEXT NOT NULL DEFAULT '',
  "NOTES" TEXT,
  "VALID_TILL" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "user" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "e_mail" TEXT,
  "Language" INTEGER NOT NULL DEFAULT 0,
  "first_name" TEXT,
  "last_name" TEXT,
  "phone1" TEXT,
  "job_title" TEXT,
  "active" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "name_tag" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "description" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "unit" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "units" TEXT NOT NULL DEFAULT '',
  "comment" TEXT NOT NULL DEFAULT '',
  "order_number" INTEGER NOT NULL DEFAULT 0,
  "inactive" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "item_category" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "Description" TEXT NOT NULL DEFAULT '',
  "sort_order" INTEGER NOT NULL DEFAULT 0,
  "parent_ID" TEXT,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "item_category_level1" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "Description" TEXT NOT NULL DEFAULT '',
  "sort_order" INTEGER NOT NULL DEFAULT 0,
  "parent_ID" TEXT,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "item_category_level2" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "Description" TEXT NOT NULL DEFAULT '',
  "sort_order" INTEGER NOT NULL DEFAULT 0,
  "parent_ID" TEXT REFERENCES "item_category_level1" ("ID"),
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_category_level2_parent_ID" ON "item_category_level2" ("parent_ID") WHERE "parent_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "periodSchedule" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "options" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "type" TEXT NOT NULL,
  "isActive" BOOLEAN NOT NULL DEFAULT 0,
  "title" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "pref" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL,
  "item" TEXT NOT NULL,
  "data" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "form_schema" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "type" TEXT NOT NULL DEFAULT '',
  "json_schema" TEXT NOT NULL,
  "ui_schema" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "om_form_schema" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "type" TEXT NOT NULL DEFAULT '',
  "json_schema" TEXT NOT NULL,
  "ui_schema" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "property" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL DEFAULT '',
  "name" TEXT NOT NULL DEFAULT '',
  "value_type" TEXT NOT NULL,
  "allowed_values" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "Location_type" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "Description" TEXT NOT NULL DEFAULT '',
  "Temperature_min" REAL NOT NULL DEFAULT 0,
  "Temperature_max" REAL NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "campaign" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "start_date" TEXT,
  "end_date" TEXT,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "currency" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "rate" REAL NOT NULL DEFAULT 0,
  "currency" TEXT NOT NULL DEFAULT '',
  "is_home_currency" BOOLEAN NOT NULL DEFAULT 0,
  "date_updated" TEXT,
  "inactive" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "warning" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "warning_text" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "asset_class" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "asset_log_reason" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "asset_log_status" TEXT NOT NULL,
  "reason" TEXT NOT NULL DEFAULT '',
  "deleted_datetime" TEXT,
  "comments_required" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "encounter" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "document_type" TEXT NOT NULL DEFAULT '',
  "document_name" TEXT NOT NULL DEFAULT '',
  "program_ID" TEXT NOT NULL,
  "name_ID" TEXT NOT NULL,
  "created_datetime" TEXT NOT NULL DEFAULT '',
  "start_datetime" TEXT NOT NULL DEFAULT '',
  "end_datetime" TEXT,
  "status" TEXT,
  "prescriber_ID" TEXT,
  "store_ID" TEXT,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "demographic" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "population_percentage" REAL NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "vaccine_vial_monitor_status" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "description" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "level" INTEGER NOT NULL DEFAULT 0,
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  "unusable" BOOLEAN NOT NULL DEFAULT 0,
  "option_id" TEXT REFERENCES "options" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_vial_monitor_status_option_id" ON "vaccine_vial_monitor_status" ("option_id") WHERE "option_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "system_log" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "type" TEXT NOT NULL,
  "sync_site_id" INTEGER,
  "datetime" TEXT NOT NULL,
  "message" TEXT,
  "is_error" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
DROP TRIGGER IF EXISTS "msync_system_log_INSERT";
CREATE TRIGGER "msync_system_log_INSERT" AFTER INSERT ON "system_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'system_log', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_system_log_UPDATE";
CREATE TRIGGER "msync_system_log_UPDATE" AFTER UPDATE ON "system_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'system_log', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'system_log', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_system_log_DELETE";
CREATE TRIGGER "msync_system_log_DELETE" AFTER DELETE ON "system_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'system_log', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "backend_plugin" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT NOT NULL DEFAULT '',
  "version" TEXT NOT NULL DEFAULT '',
  "bundle_base64" TEXT NOT NULL DEFAULT '',
  "types" TEXT NOT NULL,
  "variant_type" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "frontend_plugin" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT NOT NULL DEFAULT '',
  "version" TEXT NOT NULL DEFAULT '',
  "entry_point" TEXT NOT NULL DEFAULT '',
  "types" TEXT NOT NULL,
  "files" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "insuranceProvider" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "comment" TEXT,
  "isActive" BOOLEAN NOT NULL DEFAULT 0,
  "providerName" TEXT NOT NULL DEFAULT '',
  "prescriptionValidityDays" INTEGER,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "ship_method" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "method" TEXT NOT NULL DEFAULT '',
  "isActive" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "name" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "type" TEXT NOT NULL,
  "customer" BOOLEAN NOT NULL DEFAULT 0,
  "supplier" BOOLEAN NOT NULL DEFAULT 0,
  "supplying_store_id" TEXT,
  "first" TEXT,
  "last" TEXT,
  "female" BOOLEAN NOT NULL DEFAULT 0,
  "date_of_birth" TEXT,
  "phone" TEXT,
  "charge code" TEXT,
  "comment" TEXT,
  "country" TEXT,
  "bill_address1" TEXT,
  "bill_address2" TEXT,
  "email" TEXT,
  "url" TEXT,
  "manufacturer" BOOLEAN NOT NULL DEFAULT 0,
  "donor" BOOLEAN NOT NULL DEFAULT 0,
  "hold" BOOLEAN NOT NULL DEFAULT 0,
  "NEXT_OF_KIN_ID" TEXT,
  "next_of_kin_relative" TEXT,
  "created_date" TEXT,
  "national_health_number" TEXT,
  "isDeceased" BOOLEAN NOT NULL DEFAULT 0,
  "om_created_datetime" TEXT,
  "om_gender" TEXT,
  "om_date_of_death" TEXT,
  "custom_data" TEXT,
  "HSH_code" TEXT,
  "HSH_name" TEXT,
  "margin" REAL,
  "freightfac" REAL,
  "currency_ID" TEXT REFERENCES "currency" ("ID"),
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_name_currency_ID" ON "name" ("currency_ID") WHERE "currency_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_name_INSERT";
CREATE TRIGGER "msync_name_INSERT" AFTER INSERT ON "name"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL AND NEW."type" = 'patient';
END;
DROP TRIGGER IF EXISTS "msync_name_UPDATE";
CREATE TRIGGER "msync_name_UPDATE" AFTER UPDATE ON "name"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID" AND OLD."type" = 'patient';
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL AND NEW."type" = 'patient';
END;
DROP TRIGGER IF EXISTS "msync_name_DELETE";
CREATE TRIGGER "msync_name_DELETE" AFTER DELETE ON "name"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."type" = 'patient';
END;
CREATE TABLE IF NOT EXISTS "item" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "item_name" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "unit_ID" TEXT REFERENCES "unit" ("ID"),
  "type_of" TEXT NOT NULL,
  "default_pack_size" REAL NOT NULL DEFAULT 0,
  "is_vaccine" BOOLEAN NOT NULL DEFAULT 0,
  "VEN_category" TEXT NOT NULL DEFAULT '',
  "strength" TEXT,
  "doses" INTEGER NOT NULL DEFAULT 0,
  "category_ID" TEXT REFERENCES "item_category" ("ID"),
  "restricted_location_type_ID" TEXT REFERENCES "Location_type" ("ID"),
  "volume_per_pack" REAL NOT NULL DEFAULT 0,
  "universalcodes_code" TEXT,
  "inactive" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_unit_ID" ON "item" ("unit_ID") WHERE "unit_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_category_ID" ON "item" ("category_ID") WHERE "category_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_restricted_location_type_ID" ON "item" ("restricted_location_type_ID") WHERE "restricted_location_type_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "list_master" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "description" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "note" TEXT NOT NULL DEFAULT '',
  "inactive" BOOLEAN,
  "is_default_price_list" BOOLEAN,
  "discount_percentage" REAL,
  "isProgram" BOOLEAN NOT NULL DEFAULT 0,
  "programSettings" TEXT,
  "is_immunisation" BOOLEAN,
  msync_extra TEXT
);
CREATE TABLE IF NOT EXISTS "period" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "periodScheduleID" TEXT NOT NULL REFERENCES "periodSchedule" ("ID"),
  "startDate" TEXT NOT NULL,
  "endDate" TEXT NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_period_periodScheduleID" ON "period" ("periodScheduleID") WHERE "periodScheduleID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "name_property" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "property_id" TEXT NOT NULL REFERENCES "property" ("id"),
  "remote_editable" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_name_property_property_id" ON "name_property" ("property_id") WHERE "property_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "asset_category" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "class_id" TEXT NOT NULL REFERENCES "asset_class" ("id"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_category_class_id" ON "asset_category" ("class_id") WHERE "class_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "om_report" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "template" TEXT NOT NULL DEFAULT '',
  "context" TEXT NOT NULL,
  "comment" TEXT,
  "sub_context" TEXT,
  "argument_schema_id" TEXT REFERENCES "om_form_schema" ("id"),
  "is_custom" BOOLEAN NOT NULL DEFAULT 0,
  "version" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  "excel_template_buffer" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_om_report_argument_schema_id" ON "om_report" ("argument_schema_id") WHERE "argument_schema_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "item_direction" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "directions" TEXT NOT NULL DEFAULT '',
  "priority" INTEGER NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_direction_item_ID" ON "item_direction" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "name_tag_join" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "name_tag_ID" TEXT NOT NULL REFERENCES "name_tag" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_name_tag_join_name_ID" ON "name_tag_join" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_name_tag_join_name_tag_ID" ON "name_tag_join" ("name_tag_ID") WHERE "name_tag_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "store" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "code" TEXT NOT NULL DEFAULT '',
  "sync_id_remote_site" INTEGER NOT NULL DEFAULT 0,
  "logo" TEXT,
  "store_mode" TEXT NOT NULL,
  "created_date" TEXT,
  "disabled" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_store_name_ID" ON "store" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "list_master_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "item_master_ID" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "price" REAL,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_list_master_line_item_master_ID" ON "list_master_line" ("item_master_ID") WHERE "item_master_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_list_master_line_item_ID" ON "list_master_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "list_master_name_join" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "list_master_ID" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_list_master_name_join_name_ID" ON "list_master_name_join" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_list_master_name_join_list_master_ID" ON "list_master_name_join" ("list_master_ID") WHERE "list_master_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "program_indicator" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT,
  "program_ID" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_program_indicator_program_ID" ON "program_indicator" ("program_ID") WHERE "program_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "om_document_registry" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "category" TEXT NOT NULL,
  "document_type" TEXT NOT NULL DEFAULT '',
  "context_ID" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  "name" TEXT,
  "form_schema_ID" TEXT REFERENCES "form_schema" ("ID"),
  "config" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_om_document_registry_context_ID" ON "om_document_registry" ("context_ID") WHERE "context_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_om_document_registry_form_schema_ID" ON "om_document_registry" ("form_schema_ID") WHERE "form_schema_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "contact" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "address1" TEXT,
  "address2" TEXT,
  "category" TEXT,
  "category2" TEXT,
  "category3" TEXT,
  "comment" TEXT,
  "country" TEXT,
  "email" TEXT,
  "first" TEXT NOT NULL DEFAULT '',
  "last" TEXT NOT NULL DEFAULT '',
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "phone" TEXT,
  "position" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_contact_name_ID" ON "contact" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "barcode" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "barcode" TEXT NOT NULL DEFAULT '',
  "itemID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "manufacturerID" TEXT REFERENCES "name" ("ID"),
  "packSize" REAL,
  "parentID" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_barcode_itemID" ON "barcode" ("itemID") WHERE "itemID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_barcode_manufacturerID" ON "barcode" ("manufacturerID") WHERE "manufacturerID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_barcode_INSERT";
CREATE TRIGGER "msync_barcode_INSERT" AFTER INSERT ON "barcode"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'barcode', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_barcode_UPDATE";
CREATE TRIGGER "msync_barcode_UPDATE" AFTER UPDATE ON "barcode"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'barcode', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'barcode', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_barcode_DELETE";
CREATE TRIGGER "msync_barcode_DELETE" AFTER DELETE ON "barcode"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'barcode', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "item_warning_link" (
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "warning_ID" TEXT NOT NULL REFERENCES "warning" ("ID"),
  "priority" BOOLEAN NOT NULL DEFAULT 0,
  "ID" TEXT PRIMARY KEY NOT NULL,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_warning_link_item_ID" ON "item_warning_link" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_warning_link_warning_ID" ON "item_warning_link" ("warning_ID") WHERE "warning_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "name_oms_fields" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "properties" TEXT,
  msync_extra TEXT
);
DROP TRIGGER IF EXISTS "msync_name_oms_fields_INSERT";
CREATE TRIGGER "msync_name_oms_fields_INSERT" AFTER INSERT ON "name_oms_fields"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_oms_fields', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_name_oms_fields_UPDATE";
CREATE TRIGGER "msync_name_oms_fields_UPDATE" AFTER UPDATE ON "name_oms_fields"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_oms_fields', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_oms_fields', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_name_oms_fields_DELETE";
CREATE TRIGGER "msync_name_oms_fields_DELETE" AFTER DELETE ON "name_oms_fields"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_oms_fields', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "asset_catalogue_type" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "category_id" TEXT NOT NULL REFERENCES "asset_category" ("id"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_catalogue_type_category_id" ON "asset_catalogue_type" ("category_id") WHERE "category_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "vaccine_course" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "program_id" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  "demographic_id" TEXT REFERENCES "demographic" ("id"),
  "coverage_rate" REAL NOT NULL DEFAULT 0,
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  "wastage_rate" REAL NOT NULL DEFAULT 0,
  "deleted_datetime" TEXT,
  "can_skip_dose" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_program_id" ON "vaccine_course" ("program_id") WHERE "program_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_demographic_id" ON "vaccine_course" ("demographic_id") WHERE "demographic_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "item_variant" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "item_link_id" TEXT NOT NULL REFERENCES "item" ("ID"),
  "cold_storage_type_id" TEXT REFERENCES "Location_type" ("ID"),
  "deleted_datetime" TEXT,
  "vvm_type" TEXT,
  "created_datetime" TEXT NOT NULL,
  "created_by" TEXT,
  "manufacturer_id" TEXT REFERENCES "name" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_variant_item_link_id" ON "item_variant" ("item_link_id") WHERE "item_link_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_variant_cold_storage_type_id" ON "item_variant" ("cold_storage_type_id") WHERE "cold_storage_type_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_variant_manufacturer_id" ON "item_variant" ("manufacturer_id") WHERE "manufacturer_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "ancillary_item" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "item_quantity" REAL NOT NULL DEFAULT 0,
  "ancillary_quantity" REAL NOT NULL DEFAULT 0,
  "deleted_datetime" TEXT,
  "item_id" TEXT NOT NULL REFERENCES "item" ("ID"),
  "ancillary_item_id" TEXT NOT NULL REFERENCES "item" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_ancillary_item_item_id" ON "ancillary_item" ("item_id") WHERE "item_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_ancillary_item_ancillary_item_id" ON "ancillary_item" ("ancillary_item_id") WHERE "ancillary_item_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "nameInsuranceJoin" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "nameID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "insuranceProviderID" TEXT NOT NULL REFERENCES "insuranceProvider" ("ID"),
  "discountRate" REAL NOT NULL DEFAULT 0,
  "enteredByID" TEXT,
  "expiryDate" TEXT NOT NULL,
  "isActive" BOOLEAN NOT NULL DEFAULT 0,
  "policyNumberFamily" TEXT,
  "policyNumberFull" TEXT NOT NULL DEFAULT '',
  "policyNumberPerson" TEXT,
  "type" TEXT NOT NULL,
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_nameInsuranceJoin_nameID" ON "nameInsuranceJoin" ("nameID") WHERE "nameID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_nameInsuranceJoin_insuranceProviderID" ON "nameInsuranceJoin" ("insuranceProviderID") WHERE "insuranceProviderID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_nameInsuranceJoin_INSERT";
CREATE TRIGGER "msync_nameInsuranceJoin_INSERT" AFTER INSERT ON "nameInsuranceJoin"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'nameInsuranceJoin', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_nameInsuranceJoin_UPDATE";
CREATE TRIGGER "msync_nameInsuranceJoin_UPDATE" AFTER UPDATE ON "nameInsuranceJoin"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'nameInsuranceJoin', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'nameInsuranceJoin', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_nameInsuranceJoin_DELETE";
CREATE TRIGGER "msync_nameInsuranceJoin_DELETE" AFTER DELETE ON "nameInsuranceJoin"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'nameInsuranceJoin', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "indicator_attribute" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "indicator_ID" TEXT NOT NULL REFERENCES "program_indicator" ("ID"),
  "description" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "index" INTEGER NOT NULL DEFAULT 0,
  "is_required" BOOLEAN NOT NULL DEFAULT 0,
  "value_type" TEXT NOT NULL,
  "axis" TEXT NOT NULL,
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  "default_value" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_indicator_attribute_indicator_ID" ON "indicator_attribute" ("indicator_ID") WHERE "indicator_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "Location" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "Description" TEXT NOT NULL DEFAULT '',
  "code" TEXT NOT NULL DEFAULT '',
  "hold" BOOLEAN NOT NULL DEFAULT 0,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "type_ID" TEXT REFERENCES "Location_type" ("ID"),
  "Volume" REAL NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_Location_store_ID" ON "Location" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Location_type_ID" ON "Location" ("type_ID") WHERE "type_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_Location_INSERT";
CREATE TRIGGER "msync_Location_INSERT" AFTER INSERT ON "Location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Location', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Location_UPDATE";
CREATE TRIGGER "msync_Location_UPDATE" AFTER UPDATE ON "Location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Location', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Location', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Location_DELETE";
CREATE TRIGGER "msync_Location_DELETE" AFTER DELETE ON "Location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Location', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "requisition" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "serial_number" INTEGER NOT NULL DEFAULT 0,
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "type" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "user_ID" TEXT,
  "date_entered" TEXT NOT NULL,
  "lastModifiedAt" INTEGER NOT NULL DEFAULT 0,
  "requester_reference" TEXT,
  "linked_requisition_id" TEXT,
  "thresholdMOS" REAL NOT NULL DEFAULT 0,
  "daysToSupply" INTEGER NOT NULL DEFAULT 0,
  "comment" TEXT,
  "om_created_datetime" TEXT,
  "om_sent_datetime" TEXT,
  "om_finalised_datetime" TEXT,
  "om_expected_delivery_date" TEXT,
  "om_max_months_of_stock" REAL,
  "om_status" TEXT,
  "om_colour" TEXT,
  "authorisationStatus" TEXT,
  "orderType" TEXT,
  "periodID" TEXT REFERENCES "period" ("ID"),
  "programID" TEXT REFERENCES "list_master" ("ID"),
  "is_emergency" BOOLEAN NOT NULL DEFAULT 0,
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_requisition_name_ID" ON "requisition" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_requisition_store_ID" ON "requisition" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_requisition_periodID" ON "requisition" ("periodID") WHERE "periodID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_requisition_programID" ON "requisition" ("programID") WHERE "programID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_requisition_INSERT";
CREATE TRIGGER "msync_requisition_INSERT" AFTER INSERT ON "requisition"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_requisition_UPDATE";
CREATE TRIGGER "msync_requisition_UPDATE" AFTER UPDATE ON "requisition"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_requisition_DELETE";
CREATE TRIGGER "msync_requisition_DELETE" AFTER DELETE ON "requisition"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "om_activity_log" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "type" TEXT NOT NULL,
  "user_ID" TEXT NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "record_ID" TEXT NOT NULL DEFAULT '',
  "datetime" TEXT NOT NULL,
  "changed_to" TEXT,
  "changed_from" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_om_activity_log_store_ID" ON "om_activity_log" ("store_ID") WHERE "store_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_om_activity_log_INSERT";
CREATE TRIGGER "msync_om_activity_log_INSERT" AFTER INSERT ON "om_activity_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_activity_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_om_activity_log_UPDATE";
CREATE TRIGGER "msync_om_activity_log_UPDATE" AFTER UPDATE ON "om_activity_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_activity_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_activity_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_om_activity_log_DELETE";
CREATE TRIGGER "msync_om_activity_log_DELETE" AFTER DELETE ON "om_activity_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_activity_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "clinician" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "code" TEXT NOT NULL DEFAULT '',
  "last_name" TEXT NOT NULL DEFAULT '',
  "initials" TEXT NOT NULL DEFAULT '',
  "first_name" TEXT,
  "address1" TEXT,
  "address2" TEXT,
  "phone" TEXT,
  "mobile" TEXT,
  "email" TEXT,
  "female" BOOLEAN NOT NULL DEFAULT 0,
  "active" BOOLEAN NOT NULL DEFAULT 0,
  "store_ID" TEXT REFERENCES "store" ("ID"),
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_clinician_store_ID" ON "clinician" ("store_ID") WHERE "store_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_clinician_INSERT";
CREATE TRIGGER "msync_clinician_INSERT" AFTER INSERT ON "clinician"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_clinician_UPDATE";
CREATE TRIGGER "msync_clinician_UPDATE" AFTER UPDATE ON "clinician"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_clinician_DELETE";
CREATE TRIGGER "msync_clinician_DELETE" AFTER DELETE ON "clinician"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "name_store_join" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "inactive" BOOLEAN,
  "om_name_is_customer" BOOLEAN,
  "om_name_is_supplier" BOOLEAN,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_name_store_join_store_ID" ON "name_store_join" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_name_store_join_name_ID" ON "name_store_join" ("name_ID") WHERE "name_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_name_store_join_INSERT";
CREATE TRIGGER "msync_name_store_join_INSERT" AFTER INSERT ON "name_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_store_join', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_name_store_join_UPDATE";
CREATE TRIGGER "msync_name_store_join_UPDATE" AFTER UPDATE ON "name_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_store_join', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_store_join', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_name_store_join_DELETE";
CREATE TRIGGER "msync_name_store_join_DELETE" AFTER DELETE ON "name_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'name_store_join', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "om_user_permission" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "user_ID" TEXT NOT NULL,
  "store_ID" TEXT REFERENCES "store" ("ID"),
  "permission" TEXT NOT NULL,
  "context_ID" TEXT REFERENCES "list_master" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_om_user_permission_store_ID" ON "om_user_permission" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_om_user_permission_context_ID" ON "om_user_permission" ("context_ID") WHERE "context_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "om_document" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "parent_IDs" TEXT NOT NULL DEFAULT '',
  "user_ID" TEXT NOT NULL,
  "datetime" TEXT NOT NULL,
  "type" TEXT NOT NULL DEFAULT '',
  "data" TEXT NOT NULL,
  "form_schema_ID" TEXT REFERENCES "form_schema" ("ID"),
  "status" TEXT NOT NULL,
  "owner_name_ID" TEXT REFERENCES "name" ("ID"),
  "context_ID" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_om_document_form_schema_ID" ON "om_document" ("form_schema_ID") WHERE "form_schema_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_om_document_owner_name_ID" ON "om_document" ("owner_name_ID") WHERE "owner_name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_om_document_context_ID" ON "om_document" ("context_ID") WHERE "context_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_om_document_INSERT";
CREATE TRIGGER "msync_om_document_INSERT" AFTER INSERT ON "om_document"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_document', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_om_document_UPDATE";
CREATE TRIGGER "msync_om_document_UPDATE" AFTER UPDATE ON "om_document"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_document', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_document', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_om_document_DELETE";
CREATE TRIGGER "msync_om_document_DELETE" AFTER DELETE ON "om_document"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'om_document', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "contact_form" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "reply_email" TEXT NOT NULL DEFAULT '',
  "body" TEXT NOT NULL DEFAULT '',
  "created_datetime" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "username" TEXT NOT NULL DEFAULT '',
  "store_id" TEXT NOT NULL REFERENCES "store" ("ID"),
  "contact_type" TEXT NOT NULL,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_contact_form_store_id" ON "contact_form" ("store_id") WHERE "store_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_contact_form_INSERT";
CREATE TRIGGER "msync_contact_form_INSERT" AFTER INSERT ON "contact_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'contact_form', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_contact_form_UPDATE";
CREATE TRIGGER "msync_contact_form_UPDATE" AFTER UPDATE ON "contact_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'contact_form', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'contact_form', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_contact_form_DELETE";
CREATE TRIGGER "msync_contact_form_DELETE" AFTER DELETE ON "contact_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'contact_form', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "asset_catalogue_item" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "sub_catalogue" TEXT NOT NULL DEFAULT '',
  "category_id" TEXT NOT NULL REFERENCES "asset_category" ("id"),
  "class_id" TEXT NOT NULL REFERENCES "asset_class" ("id"),
  "code" TEXT NOT NULL DEFAULT '',
  "manufacturer" TEXT,
  "model" TEXT NOT NULL DEFAULT '',
  "type_id" TEXT NOT NULL REFERENCES "asset_catalogue_type" ("id"),
  "properties" TEXT,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_catalogue_item_category_id" ON "asset_catalogue_item" ("category_id") WHERE "category_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_catalogue_item_class_id" ON "asset_catalogue_item" ("class_id") WHERE "class_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_catalogue_item_type_id" ON "asset_catalogue_item" ("type_id") WHERE "type_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "asset_property" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL DEFAULT '',
  "name" TEXT NOT NULL DEFAULT '',
  "asset_class_id" TEXT REFERENCES "asset_class" ("id"),
  "asset_category_id" TEXT REFERENCES "asset_category" ("id"),
  "asset_type_id" TEXT REFERENCES "asset_catalogue_type" ("id"),
  "value_type" TEXT NOT NULL,
  "allowed_values" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_property_asset_class_id" ON "asset_property" ("asset_class_id") WHERE "asset_class_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_property_asset_category_id" ON "asset_property" ("asset_category_id") WHERE "asset_category_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_property_asset_type_id" ON "asset_property" ("asset_type_id") WHERE "asset_type_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "vaccine_course_dose" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "vaccine_course_id" TEXT NOT NULL REFERENCES "vaccine_course" ("id"),
  "label" TEXT NOT NULL DEFAULT '',
  "min_age" REAL NOT NULL DEFAULT 0,
  "max_age" REAL NOT NULL DEFAULT 0,
  "custom_age_label" TEXT,
  "min_interval_days" INTEGER NOT NULL DEFAULT 0,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_dose_vaccine_course_id" ON "vaccine_course_dose" ("vaccine_course_id") WHERE "vaccine_course_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "vaccine_course_store_config" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "vaccine_course_id" TEXT NOT NULL REFERENCES "vaccine_course" ("id"),
  "store_id" TEXT NOT NULL REFERENCES "store" ("ID"),
  "wastage_rate" REAL,
  "coverage_rate" REAL,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_store_config_vaccine_course_id" ON "vaccine_course_store_config" ("vaccine_course_id") WHERE "vaccine_course_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_store_config_store_id" ON "vaccine_course_store_config" ("store_id") WHERE "store_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "vaccine_course_item" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "vaccine_course_id" TEXT NOT NULL REFERENCES "vaccine_course" ("id"),
  "item_link_id" TEXT NOT NULL REFERENCES "item" ("ID"),
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_item_vaccine_course_id" ON "vaccine_course_item" ("vaccine_course_id") WHERE "vaccine_course_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_course_item_item_link_id" ON "vaccine_course_item" ("item_link_id") WHERE "item_link_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "packaging_variant" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "item_variant_id" TEXT NOT NULL REFERENCES "item_variant" ("id"),
  "packaging_level" INTEGER NOT NULL DEFAULT 0,
  "pack_size" REAL,
  "volume_per_unit" REAL,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_packaging_variant_item_variant_id" ON "packaging_variant" ("item_variant_id") WHERE "item_variant_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "plugin_data" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "store_id" TEXT REFERENCES "store" ("ID"),
  "plugin_code" TEXT NOT NULL DEFAULT '',
  "related_record_id" TEXT,
  "data_identifier" TEXT NOT NULL DEFAULT '',
  "data" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_plugin_data_store_id" ON "plugin_data" ("store_id") WHERE "store_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_plugin_data_INSERT";
CREATE TRIGGER "msync_plugin_data_INSERT" AFTER INSERT ON "plugin_data"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'plugin_data', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_plugin_data_UPDATE";
CREATE TRIGGER "msync_plugin_data_UPDATE" AFTER UPDATE ON "plugin_data"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'plugin_data', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'plugin_data', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_plugin_data_DELETE";
CREATE TRIGGER "msync_plugin_data_DELETE" AFTER DELETE ON "plugin_data"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'plugin_data', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "preference" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "key" TEXT NOT NULL DEFAULT '',
  "value" TEXT NOT NULL DEFAULT '',
  "store_id" TEXT REFERENCES "store" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_preference_store_id" ON "preference" ("store_id") WHERE "store_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "message" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "toStoreID" TEXT REFERENCES "store" ("ID"),
  "fromStoreID" TEXT REFERENCES "store" ("ID"),
  "body" TEXT NOT NULL,
  "createdDate" TEXT NOT NULL,
  "createdTime" TEXT NOT NULL DEFAULT '00:00:00',
  "status" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "error_message" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_message_toStoreID" ON "message" ("toStoreID") WHERE "toStoreID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_message_fromStoreID" ON "message" ("fromStoreID") WHERE "fromStoreID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_message_INSERT";
CREATE TRIGGER "msync_message_INSERT" AFTER INSERT ON "message"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'message', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_message_UPDATE";
CREATE TRIGGER "msync_message_UPDATE" AFTER UPDATE ON "message"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'message', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'message', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_message_DELETE";
CREATE TRIGGER "msync_message_DELETE" AFTER DELETE ON "message"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'message', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "purchase_order" (
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "ID" TEXT PRIMARY KEY NOT NULL,
  "creation_date" TEXT NOT NULL,
  "target_months" REAL,
  "status" TEXT NOT NULL,
  "comment" TEXT,
  "currency_ID" TEXT REFERENCES "currency" ("ID"),
  "reference" TEXT,
  "confirm_date" TEXT,
  "created_by" TEXT,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "supplier_agent" TEXT,
  "authorizing_officer_1" TEXT,
  "authorizing_officer_2" TEXT,
  "freight_conditions" TEXT,
  "additional_instructions" TEXT,
  "agent_commission" REAL,
  "document_charge" REAL,
  "communications_charge" REAL,
  "insurance_charge" REAL,
  "freight_charge" REAL,
  "supplier_discount_amount" REAL NOT NULL DEFAULT 0,
  "curr_rate" REAL,
  "Order_total_before_discount" REAL NOT NULL DEFAULT 0,
  "Order_total_after_discount" REAL NOT NULL DEFAULT 0,
  "donor_id" TEXT REFERENCES "name" ("ID"),
  "serial_number" INTEGER NOT NULL DEFAULT 0,
  "heading_message" TEXT,
  "delivery_method" TEXT,
  "requested_delivery_date" TEXT,
  "po_sent_date" TEXT,
  "Date_contract_signed" TEXT,
  "Date_advance_payment" TEXT,
  "Date_goods_received_at_port" TEXT,
  "is_authorised" BOOLEAN NOT NULL DEFAULT 0,
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_purchase_order_name_ID" ON "purchase_order" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_currency_ID" ON "purchase_order" ("currency_ID") WHERE "currency_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_store_ID" ON "purchase_order" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_donor_id" ON "purchase_order" ("donor_id") WHERE "donor_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_purchase_order_INSERT";
CREATE TRIGGER "msync_purchase_order_INSERT" AFTER INSERT ON "purchase_order"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_purchase_order_UPDATE";
CREATE TRIGGER "msync_purchase_order_UPDATE" AFTER UPDATE ON "purchase_order"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_purchase_order_DELETE";
CREATE TRIGGER "msync_purchase_order_DELETE" AFTER DELETE ON "purchase_order"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "item_store_join" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "default_price" REAL NOT NULL DEFAULT 0,
  "ignore_for_orders" BOOLEAN NOT NULL DEFAULT 0,
  "margin" REAL NOT NULL DEFAULT 0,
  "default_location_ID" TEXT REFERENCES "Location" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_store_join_item_ID" ON "item_store_join" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_store_join_store_ID" ON "item_store_join" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_store_join_default_location_ID" ON "item_store_join" ("default_location_ID") WHERE "default_location_ID" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "indicator_value" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "facility_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "period_ID" TEXT NOT NULL REFERENCES "period" ("ID"),
  "column_ID" TEXT NOT NULL REFERENCES "indicator_attribute" ("ID"),
  "row_ID" TEXT NOT NULL REFERENCES "indicator_attribute" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "value" TEXT NOT NULL DEFAULT '',
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_indicator_value_facility_ID" ON "indicator_value" ("facility_ID") WHERE "facility_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_indicator_value_period_ID" ON "indicator_value" ("period_ID") WHERE "period_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_indicator_value_column_ID" ON "indicator_value" ("column_ID") WHERE "column_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_indicator_value_row_ID" ON "indicator_value" ("row_ID") WHERE "row_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_indicator_value_store_ID" ON "indicator_value" ("store_ID") WHERE "store_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_indicator_value_INSERT";
CREATE TRIGGER "msync_indicator_value_INSERT" AFTER INSERT ON "indicator_value"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'indicator_value', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_indicator_value_UPDATE";
CREATE TRIGGER "msync_indicator_value_UPDATE" AFTER UPDATE ON "indicator_value"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'indicator_value', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'indicator_value', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_indicator_value_DELETE";
CREATE TRIGGER "msync_indicator_value_DELETE" AFTER DELETE ON "indicator_value"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'indicator_value', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "item_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "batch" TEXT,
  "expiry_date" TEXT,
  "hold" BOOLEAN NOT NULL DEFAULT 0,
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "pack_size" REAL NOT NULL DEFAULT 0,
  "available" REAL NOT NULL DEFAULT 0,
  "quantity" REAL NOT NULL DEFAULT 0,
  "cost_price" REAL NOT NULL DEFAULT 0,
  "sell_price" REAL NOT NULL DEFAULT 0,
  "note" TEXT,
  "name_ID" TEXT REFERENCES "name" ("ID"),
  "barcodeID" TEXT REFERENCES "barcode" ("ID"),
  "om_item_variant_id" TEXT REFERENCES "item_variant" ("id"),
  "donor_id" TEXT REFERENCES "name" ("ID"),
  "vvm_status_id" TEXT REFERENCES "vaccine_vial_monitor_status" ("ID"),
  "manufacturer_ID" TEXT REFERENCES "name" ("ID"),
  "oms_fields" TEXT,
  "total_volume" REAL NOT NULL DEFAULT 0,
  "volume_per_pack" REAL NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_item_line_store_ID" ON "item_line" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_item_ID" ON "item_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_location_ID" ON "item_line" ("location_ID") WHERE "location_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_name_ID" ON "item_line" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_barcodeID" ON "item_line" ("barcodeID") WHERE "barcodeID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_om_item_variant_id" ON "item_line" ("om_item_variant_id") WHERE "om_item_variant_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_donor_id" ON "item_line" ("donor_id") WHERE "donor_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_vvm_status_id" ON "item_line" ("vvm_status_id") WHERE "vvm_status_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_item_line_manufacturer_ID" ON "item_line" ("manufacturer_ID") WHERE "manufacturer_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_item_line_INSERT";
CREATE TRIGGER "msync_item_line_INSERT" AFTER INSERT ON "item_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'item_line', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_item_line_UPDATE";
CREATE TRIGGER "msync_item_line_UPDATE" AFTER UPDATE ON "item_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'item_line', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'item_line', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_item_line_DELETE";
CREATE TRIGGER "msync_item_line_DELETE" AFTER DELETE ON "item_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'item_line', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "transact" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name_ID" TEXT NOT NULL REFERENCES "name" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "invoice_num" INTEGER NOT NULL DEFAULT 0,
  "type" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "user_ID" TEXT,
  "hold" BOOLEAN NOT NULL DEFAULT 0,
  "comment" TEXT,
  "their_ref" TEXT,
  "prescriber_ID" TEXT REFERENCES "clinician" ("ID"),
  "currency_ID" TEXT REFERENCES "currency" ("ID"),
  "currency_rate" REAL NOT NULL DEFAULT 0,
  "om_transport_reference" TEXT,
  "goods_received_ID" TEXT,
  "original_PO_ID" TEXT REFERENCES "purchase_order" ("ID"),
  "requisition_ID" TEXT REFERENCES "requisition" ("ID"),
  "linked_transaction_id" TEXT,
  "nameInsuranceJoinID" TEXT REFERENCES "nameInsuranceJoin" ("ID"),
  "donor_default_id" TEXT REFERENCES "name" ("ID"),
  "insuranceDiscountAmount" REAL,
  "insuranceDiscountRate" REAL,
  "entry_date" TEXT NOT NULL,
  "entry_time" TEXT NOT NULL DEFAULT '00:00:00',
  "confirm_date" TEXT,
  "confirm_time" TEXT NOT NULL DEFAULT '00:00:00',
  "finalised_date" TEXT,
  "finalised_time" TEXT NOT NULL DEFAULT '00:00:00',
  "mode" TEXT NOT NULL,
  "tax_rate" REAL,
  "om_created_datetime" TEXT,
  "om_allocated_datetime" TEXT,
  "om_picked_datetime" TEXT,
  "om_shipped_datetime" TEXT,
  "om_delivered_datetime" TEXT,
  "om_verified_datetime" TEXT,
  "om_cancelled_datetime" TEXT,
  "om_status" TEXT,
  "om_type" TEXT,
  "om_colour" TEXT,
  "om_original_shipment_id" TEXT,
  "om_backdated_datetime" TEXT,
  "diagnosis_ID" TEXT REFERENCES "diagnosis" ("ID"),
  "programID" TEXT REFERENCES "list_master" ("ID"),
  "is_cancellation" BOOLEAN NOT NULL DEFAULT 0,
  "arrival_date_estimated" TEXT,
  "ship_method_ID" TEXT REFERENCES "ship_method" ("ID"),
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_transact_name_ID" ON "transact" ("name_ID") WHERE "name_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_store_ID" ON "transact" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_prescriber_ID" ON "transact" ("prescriber_ID") WHERE "prescriber_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_currency_ID" ON "transact" ("currency_ID") WHERE "currency_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_original_PO_ID" ON "transact" ("original_PO_ID") WHERE "original_PO_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_requisition_ID" ON "transact" ("requisition_ID") WHERE "requisition_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_nameInsuranceJoinID" ON "transact" ("nameInsuranceJoinID") WHERE "nameInsuranceJoinID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_donor_default_id" ON "transact" ("donor_default_id") WHERE "donor_default_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_diagnosis_ID" ON "transact" ("diagnosis_ID") WHERE "diagnosis_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_programID" ON "transact" ("programID") WHERE "programID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_transact_ship_method_ID" ON "transact" ("ship_method_ID") WHERE "ship_method_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_transact_INSERT";
CREATE TRIGGER "msync_transact_INSERT" AFTER INSERT ON "transact"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'transact', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_transact_UPDATE";
CREATE TRIGGER "msync_transact_UPDATE" AFTER UPDATE ON "transact"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'transact', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'transact', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_transact_DELETE";
CREATE TRIGGER "msync_transact_DELETE" AFTER DELETE ON "transact"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'transact', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "requisition_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "requisition_ID" TEXT NOT NULL REFERENCES "requisition" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "Cust_stock_order" REAL NOT NULL DEFAULT 0,
  "suggested_quantity" REAL NOT NULL DEFAULT 0,
  "actualQuan" REAL NOT NULL DEFAULT 0,
  "stock_on_hand" REAL NOT NULL DEFAULT 0,
  "daily_usage" REAL NOT NULL DEFAULT 0,
  "approved_quantity" REAL NOT NULL DEFAULT 0,
  "authoriser_comment" TEXT,
  "comment" TEXT,
  "om_snapshot_datetime" TEXT,
  "itemName" TEXT NOT NULL DEFAULT '',
  "Cust_prev_stock_balance" REAL NOT NULL DEFAULT 0,
  "Cust_stock_received" REAL NOT NULL DEFAULT 0,
  "Cust_stock_issued" REAL NOT NULL DEFAULT 0,
  "stockLosses" REAL NOT NULL DEFAULT 0,
  "stockAdditions" REAL NOT NULL DEFAULT 0,
  "stockExpiring" REAL NOT NULL DEFAULT 0,
  "days_out_or_new_demand" REAL NOT NULL DEFAULT 0,
  "optionID" TEXT REFERENCES "options" ("ID"),
  "Cust_loss_adjust" REAL NOT NULL DEFAULT 0,
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_requisition_line_requisition_ID" ON "requisition_line" ("requisition_ID") WHERE "requisition_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_requisition_line_item_ID" ON "requisition_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_requisition_line_optionID" ON "requisition_line" ("optionID") WHERE "optionID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_requisition_line_INSERT";
CREATE TRIGGER "msync_requisition_line_INSERT" AFTER INSERT ON "requisition_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition_line', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "requisition" WHERE "ID" = NEW."requisition_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_requisition_line_UPDATE";
CREATE TRIGGER "msync_requisition_line_UPDATE" AFTER UPDATE ON "requisition_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition_line', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "requisition" WHERE "ID" = OLD."requisition_ID")
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition_line', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "requisition" WHERE "ID" = NEW."requisition_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_requisition_line_DELETE";
CREATE TRIGGER "msync_requisition_line_DELETE" AFTER DELETE ON "requisition_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'requisition_line', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "requisition" WHERE "ID" = OLD."requisition_ID")
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "clinician_store_join" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "prescriber_ID" TEXT NOT NULL REFERENCES "clinician" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_clinician_store_join_store_ID" ON "clinician_store_join" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_clinician_store_join_prescriber_ID" ON "clinician_store_join" ("prescriber_ID") WHERE "prescriber_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_clinician_store_join_INSERT";
CREATE TRIGGER "msync_clinician_store_join_INSERT" AFTER INSERT ON "clinician_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician_store_join', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_clinician_store_join_UPDATE";
CREATE TRIGGER "msync_clinician_store_join_UPDATE" AFTER UPDATE ON "clinician_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician_store_join', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician_store_join', NEW."ID", 'UPSERT', NULL
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_clinician_store_join_DELETE";
CREATE TRIGGER "msync_clinician_store_join_DELETE" AFTER DELETE ON "clinician_store_join"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'clinician_store_join', OLD."ID", 'DELETE', NULL
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "sensor" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL DEFAULT '',
  "macAddress" TEXT NOT NULL DEFAULT '',
  "locationID" TEXT REFERENCES "Location" ("ID"),
  "storeID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "batteryLevel" INTEGER,
  "logInterval" INTEGER,
  "is_active" BOOLEAN NOT NULL DEFAULT 0,
  "lastConnectionDate" TEXT,
  "lastConnectionTime" TEXT NOT NULL DEFAULT '00:00:00',
  "om_last_connection_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_sensor_locationID" ON "sensor" ("locationID") WHERE "locationID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_sensor_storeID" ON "sensor" ("storeID") WHERE "storeID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_sensor_INSERT";
CREATE TRIGGER "msync_sensor_INSERT" AFTER INSERT ON "sensor"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sensor', NEW."ID", 'UPSERT', NULLIF(NEW."storeID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_sensor_UPDATE";
CREATE TRIGGER "msync_sensor_UPDATE" AFTER UPDATE ON "sensor"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sensor', OLD."ID", 'DELETE', NULLIF(OLD."storeID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sensor', NEW."ID", 'UPSERT', NULLIF(NEW."storeID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_sensor_DELETE";
CREATE TRIGGER "msync_sensor_DELETE" AFTER DELETE ON "sensor"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sensor', OLD."ID", 'DELETE', NULLIF(OLD."storeID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "asset" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "notes" TEXT,
  "asset_number" TEXT,
  "asset_category_id" TEXT REFERENCES "asset_category" ("id"),
  "asset_class_id" TEXT REFERENCES "asset_class" ("id"),
  "asset_type_id" TEXT REFERENCES "asset_catalogue_type" ("id"),
  "store_id" TEXT REFERENCES "store" ("ID"),
  "serial_number" TEXT,
  "catalogue_item_id" TEXT REFERENCES "asset_catalogue_item" ("id"),
  "installation_date" TEXT,
  "replacement_date" TEXT,
  "created_datetime" TEXT NOT NULL,
  "modified_datetime" TEXT NOT NULL,
  "deleted_datetime" TEXT,
  "properties" TEXT,
  "donor_name_id" TEXT REFERENCES "name" ("ID"),
  "warranty_start" TEXT,
  "warranty_end" TEXT,
  "needs_replacement" BOOLEAN,
  "locked_fields_json" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_asset_category_id" ON "asset" ("asset_category_id") WHERE "asset_category_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_asset_class_id" ON "asset" ("asset_class_id") WHERE "asset_class_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_asset_type_id" ON "asset" ("asset_type_id") WHERE "asset_type_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_store_id" ON "asset" ("store_id") WHERE "store_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_catalogue_item_id" ON "asset" ("catalogue_item_id") WHERE "catalogue_item_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_donor_name_id" ON "asset" ("donor_name_id") WHERE "donor_name_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_asset_INSERT";
CREATE TRIGGER "msync_asset_INSERT" AFTER INSERT ON "asset"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_UPDATE";
CREATE TRIGGER "msync_asset_UPDATE" AFTER UPDATE ON "asset"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_DELETE";
CREATE TRIGGER "msync_asset_DELETE" AFTER DELETE ON "asset"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "rnr_form" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "store_id" TEXT NOT NULL REFERENCES "store" ("ID"),
  "period_id" TEXT NOT NULL REFERENCES "period" ("ID"),
  "program_id" TEXT NOT NULL REFERENCES "list_master" ("ID"),
  "created_datetime" TEXT NOT NULL,
  "finalised_datetime" TEXT,
  "status" TEXT NOT NULL,
  "linked_requisition_id" TEXT,
  "their_reference" TEXT,
  "comment" TEXT,
  "name_id" TEXT NOT NULL REFERENCES "name" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_rnr_form_store_id" ON "rnr_form" ("store_id") WHERE "store_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_rnr_form_period_id" ON "rnr_form" ("period_id") WHERE "period_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_rnr_form_program_id" ON "rnr_form" ("program_id") WHERE "program_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_rnr_form_name_id" ON "rnr_form" ("name_id") WHERE "name_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_rnr_form_INSERT";
CREATE TRIGGER "msync_rnr_form_INSERT" AFTER INSERT ON "rnr_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_rnr_form_UPDATE";
CREATE TRIGGER "msync_rnr_form_UPDATE" AFTER UPDATE ON "rnr_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form', NEW."id", 'UPSERT', NULLIF(NEW."store_id", '')
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_rnr_form_DELETE";
CREATE TRIGGER "msync_rnr_form_DELETE" AFTER DELETE ON "rnr_form"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form', OLD."id", 'DELETE', NULLIF(OLD."store_id", '')
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "purchase_order_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "purchase_order_ID" TEXT NOT NULL REFERENCES "purchase_order" ("ID"),
  "line_number" INTEGER NOT NULL DEFAULT 0,
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "item_name" TEXT NOT NULL DEFAULT '',
  "snapshot_quantity" REAL NOT NULL DEFAULT 0,
  "packsize_ordered" REAL NOT NULL DEFAULT 0,
  "quan_original_order" REAL NOT NULL DEFAULT 0,
  "quan_adjusted_order" REAL,
  "delivery_date_requested" TEXT,
  "delivery_date_expected" TEXT,
  "supplier_item_code" TEXT,
  "price_per_pack_before_discount" REAL NOT NULL DEFAULT 0,
  "price_expected_after_discount" REAL NOT NULL DEFAULT 0,
  "price_extension_expected" REAL NOT NULL DEFAULT 0,
  "comment" TEXT,
  "manufacturer_ID" TEXT REFERENCES "name" ("ID"),
  "note" TEXT,
  "pack_units" TEXT,
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_purchase_order_line_store_ID" ON "purchase_order_line" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_line_purchase_order_ID" ON "purchase_order_line" ("purchase_order_ID") WHERE "purchase_order_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_line_item_ID" ON "purchase_order_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_purchase_order_line_manufacturer_ID" ON "purchase_order_line" ("manufacturer_ID") WHERE "manufacturer_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_purchase_order_line_INSERT";
CREATE TRIGGER "msync_purchase_order_line_INSERT" AFTER INSERT ON "purchase_order_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order_line', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_purchase_order_line_UPDATE";
CREATE TRIGGER "msync_purchase_order_line_UPDATE" AFTER UPDATE ON "purchase_order_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order_line', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order_line', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_purchase_order_line_DELETE";
CREATE TRIGGER "msync_purchase_order_line_DELETE" AFTER DELETE ON "purchase_order_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'purchase_order_line', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "location_movement" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "item_line_ID" TEXT NOT NULL REFERENCES "item_line" ("ID"),
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "enter_date" TEXT,
  "enter_time" TEXT NOT NULL DEFAULT '00:00:00',
  "exit_date" TEXT,
  "exit_time" TEXT NOT NULL DEFAULT '00:00:00',
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_location_movement_store_ID" ON "location_movement" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_location_movement_item_line_ID" ON "location_movement" ("item_line_ID") WHERE "item_line_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_location_movement_location_ID" ON "location_movement" ("location_ID") WHERE "location_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_location_movement_INSERT";
CREATE TRIGGER "msync_location_movement_INSERT" AFTER INSERT ON "location_movement"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'location_movement', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_location_movement_UPDATE";
CREATE TRIGGER "msync_location_movement_UPDATE" AFTER UPDATE ON "location_movement"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'location_movement', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'location_movement', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_location_movement_DELETE";
CREATE TRIGGER "msync_location_movement_DELETE" AFTER DELETE ON "location_movement"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'location_movement', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "trans_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "transaction_ID" TEXT NOT NULL REFERENCES "transact" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "item_name" TEXT NOT NULL DEFAULT '',
  "item_line_ID" TEXT REFERENCES "item_line" ("ID"),
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "batch" TEXT,
  "expiry_date" TEXT,
  "pack_size" REAL NOT NULL DEFAULT 0,
  "cost_price" REAL NOT NULL DEFAULT 0,
  "sell_price" REAL NOT NULL DEFAULT 0,
  "type" TEXT NOT NULL,
  "quantity" REAL NOT NULL DEFAULT 0,
  "prescribedQuantity" REAL,
  "note" TEXT,
  "om_item_code" TEXT,
  "om_tax" REAL,
  "om_total_before_tax" REAL,
  "om_total_after_tax" REAL,
  "optionID" TEXT REFERENCES "options" ("ID"),
  "foreign_currency_price" REAL,
  "om_item_variant_id" TEXT REFERENCES "item_variant" ("id"),
  "linked_transact_id" TEXT,
  "donor_id" TEXT REFERENCES "name" ("ID"),
  "vaccine_vial_monitor_status_ID" TEXT REFERENCES "vaccine_vial_monitor_status" ("ID"),
  "oms_fields" TEXT,
  "sentQuantity" REAL,
  "volume_per_pack" REAL NOT NULL DEFAULT 0,
  "sent_pack_size" REAL,
  "manufacturer_ID" TEXT REFERENCES "name" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_trans_line_transaction_ID" ON "trans_line" ("transaction_ID") WHERE "transaction_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_item_ID" ON "trans_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_item_line_ID" ON "trans_line" ("item_line_ID") WHERE "item_line_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_location_ID" ON "trans_line" ("location_ID") WHERE "location_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_optionID" ON "trans_line" ("optionID") WHERE "optionID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_om_item_variant_id" ON "trans_line" ("om_item_variant_id") WHERE "om_item_variant_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_donor_id" ON "trans_line" ("donor_id") WHERE "donor_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_vaccine_vial_monitor_status_ID" ON "trans_line" ("vaccine_vial_monitor_status_ID") WHERE "vaccine_vial_monitor_status_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_trans_line_manufacturer_ID" ON "trans_line" ("manufacturer_ID") WHERE "manufacturer_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_trans_line_INSERT";
CREATE TRIGGER "msync_trans_line_INSERT" AFTER INSERT ON "trans_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'trans_line', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "transact" WHERE "ID" = NEW."transaction_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_trans_line_UPDATE";
CREATE TRIGGER "msync_trans_line_UPDATE" AFTER UPDATE ON "trans_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'trans_line', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "transact" WHERE "ID" = OLD."transaction_ID")
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'trans_line', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "transact" WHERE "ID" = NEW."transaction_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_trans_line_DELETE";
CREATE TRIGGER "msync_trans_line_DELETE" AFTER DELETE ON "trans_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'trans_line', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "transact" WHERE "ID" = OLD."transaction_ID")
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "Stock_take" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "created_by_ID" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "Description" TEXT,
  "comment" TEXT,
  "Locked" BOOLEAN NOT NULL DEFAULT 0,
  "invad_additions_ID" TEXT REFERENCES "transact" ("ID"),
  "invad_reductions_ID" TEXT REFERENCES "transact" ("ID"),
  "serial_number" INTEGER NOT NULL DEFAULT 0,
  "stock_take_created_date" TEXT NOT NULL,
  "stock_take_time" TEXT NOT NULL DEFAULT '00:00:00',
  "stock_take_date" TEXT,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "om_created_datetime" TEXT,
  "om_finalised_datetime" TEXT,
  "programID" TEXT REFERENCES "list_master" ("ID"),
  "om_counted_by" TEXT,
  "om_verified_by" TEXT,
  "om_is_initial_stocktake" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_Stock_take_invad_additions_ID" ON "Stock_take" ("invad_additions_ID") WHERE "invad_additions_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_invad_reductions_ID" ON "Stock_take" ("invad_reductions_ID") WHERE "invad_reductions_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_store_ID" ON "Stock_take" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_programID" ON "Stock_take" ("programID") WHERE "programID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_Stock_take_INSERT";
CREATE TRIGGER "msync_Stock_take_INSERT" AFTER INSERT ON "Stock_take"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Stock_take_UPDATE";
CREATE TRIGGER "msync_Stock_take_UPDATE" AFTER UPDATE ON "Stock_take"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Stock_take_DELETE";
CREATE TRIGGER "msync_Stock_take_DELETE" AFTER DELETE ON "Stock_take"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "temperature_breach" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "duration" INTEGER NOT NULL DEFAULT 0,
  "type" TEXT NOT NULL,
  "sensor_ID" TEXT NOT NULL REFERENCES "sensor" ("ID"),
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "start_date" TEXT,
  "start_time" TEXT NOT NULL DEFAULT '00:00:00',
  "end_date" TEXT,
  "end_time" TEXT NOT NULL DEFAULT '00:00:00',
  "acknowledged" BOOLEAN NOT NULL DEFAULT 0,
  "threshold_minimum_temperature" REAL NOT NULL DEFAULT 0,
  "threshold_maximum_temperature" REAL NOT NULL DEFAULT 0,
  "threshold_duration" INTEGER NOT NULL DEFAULT 0,
  "om_end_datetime" TEXT,
  "om_start_datetime" TEXT,
  "om_comment" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_temperature_breach_sensor_ID" ON "temperature_breach" ("sensor_ID") WHERE "sensor_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_temperature_breach_location_ID" ON "temperature_breach" ("location_ID") WHERE "location_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_temperature_breach_store_ID" ON "temperature_breach" ("store_ID") WHERE "store_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_temperature_breach_INSERT";
CREATE TRIGGER "msync_temperature_breach_INSERT" AFTER INSERT ON "temperature_breach"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_breach', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_temperature_breach_UPDATE";
CREATE TRIGGER "msync_temperature_breach_UPDATE" AFTER UPDATE ON "temperature_breach"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_breach', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_breach', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_temperature_breach_DELETE";
CREATE TRIGGER "msync_temperature_breach_DELETE" AFTER DELETE ON "temperature_breach"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_breach', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "asset_internal_location" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "asset_id" TEXT NOT NULL REFERENCES "asset" ("id"),
  "location_id" TEXT NOT NULL REFERENCES "Location" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_internal_location_asset_id" ON "asset_internal_location" ("asset_id") WHERE "asset_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_internal_location_location_id" ON "asset_internal_location" ("location_id") WHERE "location_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_asset_internal_location_INSERT";
CREATE TRIGGER "msync_asset_internal_location_INSERT" AFTER INSERT ON "asset_internal_location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_internal_location', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = NEW."asset_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_internal_location_UPDATE";
CREATE TRIGGER "msync_asset_internal_location_UPDATE" AFTER UPDATE ON "asset_internal_location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_internal_location', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = OLD."asset_id")
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_internal_location', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = NEW."asset_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_internal_location_DELETE";
CREATE TRIGGER "msync_asset_internal_location_DELETE" AFTER DELETE ON "asset_internal_location"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_internal_location', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = OLD."asset_id")
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "asset_log" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "asset_id" TEXT NOT NULL REFERENCES "asset" ("id"),
  "user_id" TEXT NOT NULL,
  "status" TEXT,
  "comment" TEXT,
  "type" TEXT,
  "reason_id" TEXT REFERENCES "asset_log_reason" ("id"),
  "log_datetime" TEXT NOT NULL,
  "created_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_asset_log_asset_id" ON "asset_log" ("asset_id") WHERE "asset_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_asset_log_reason_id" ON "asset_log" ("reason_id") WHERE "reason_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_asset_log_INSERT";
CREATE TRIGGER "msync_asset_log_INSERT" AFTER INSERT ON "asset_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_log', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = NEW."asset_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_log_UPDATE";
CREATE TRIGGER "msync_asset_log_UPDATE" AFTER UPDATE ON "asset_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_log', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = OLD."asset_id")
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_log', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = NEW."asset_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_asset_log_DELETE";
CREATE TRIGGER "msync_asset_log_DELETE" AFTER DELETE ON "asset_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'asset_log', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "asset" WHERE "id" = OLD."asset_id")
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "sync_file_reference" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "table_name" TEXT NOT NULL DEFAULT '',
  "record_id" TEXT NOT NULL DEFAULT '',
  "file_name" TEXT NOT NULL DEFAULT '',
  "mime_type" TEXT,
  "uploaded_bytes" INTEGER NOT NULL DEFAULT 0,
  "downloaded_bytes" INTEGER NOT NULL DEFAULT 0,
  "total_bytes" INTEGER NOT NULL DEFAULT 0,
  "retries" INTEGER NOT NULL DEFAULT 0,
  "retry_at" TEXT,
  "direction" TEXT NOT NULL DEFAULT 'DOWNLOAD',
  "status" TEXT NOT NULL DEFAULT 'NEW',
  "error" TEXT,
  "created_datetime" TEXT NOT NULL,
  "deleted_datetime" TEXT,
  msync_extra TEXT
);
DROP TRIGGER IF EXISTS "msync_sync_file_reference_INSERT";
CREATE TRIGGER "msync_sync_file_reference_INSERT" AFTER INSERT ON "sync_file_reference"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sync_file_reference', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_sync_file_reference_UPDATE";
CREATE TRIGGER "msync_sync_file_reference_UPDATE" AFTER UPDATE ON "sync_file_reference"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sync_file_reference', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sync_file_reference', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_sync_file_reference_DELETE";
CREATE TRIGGER "msync_sync_file_reference_DELETE" AFTER DELETE ON "sync_file_reference"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'sync_file_reference', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "rnr_form_line" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "rnr_form_id" TEXT NOT NULL REFERENCES "rnr_form" ("id"),
  "item_link_id" TEXT NOT NULL REFERENCES "item" ("ID"),
  "requisition_line_id" TEXT REFERENCES "requisition_line" ("ID"),
  "previous_monthly_consumption_values" TEXT NOT NULL DEFAULT '',
  "average_monthly_consumption" REAL NOT NULL DEFAULT 0,
  "initial_balance" REAL NOT NULL DEFAULT 0,
  "snapshot_quantity_received" REAL NOT NULL DEFAULT 0,
  "snapshot_quantity_consumed" REAL NOT NULL DEFAULT 0,
  "snapshot_adjustments" REAL NOT NULL DEFAULT 0,
  "entered_quantity_received" REAL,
  "entered_quantity_consumed" REAL,
  "entered_losses" REAL,
  "entered_adjustments" REAL,
  "adjusted_quantity_consumed" REAL NOT NULL DEFAULT 0,
  "stock_out_duration" INTEGER NOT NULL DEFAULT 0,
  "final_balance" REAL NOT NULL DEFAULT 0,
  "minimum_quantity" REAL NOT NULL DEFAULT 0,
  "maximum_quantity" REAL NOT NULL DEFAULT 0,
  "expiry_date" TEXT,
  "calculated_requested_quantity" REAL NOT NULL DEFAULT 0,
  "entered_requested_quantity" REAL,
  "low_stock" TEXT NOT NULL,
  "comment" TEXT,
  "confirmed" BOOLEAN NOT NULL DEFAULT 0,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_rnr_form_line_rnr_form_id" ON "rnr_form_line" ("rnr_form_id") WHERE "rnr_form_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_rnr_form_line_item_link_id" ON "rnr_form_line" ("item_link_id") WHERE "item_link_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_rnr_form_line_requisition_line_id" ON "rnr_form_line" ("requisition_line_id") WHERE "requisition_line_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_rnr_form_line_INSERT";
CREATE TRIGGER "msync_rnr_form_line_INSERT" AFTER INSERT ON "rnr_form_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form_line', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "rnr_form" WHERE "id" = NEW."rnr_form_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_rnr_form_line_UPDATE";
CREATE TRIGGER "msync_rnr_form_line_UPDATE" AFTER UPDATE ON "rnr_form_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form_line', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "rnr_form" WHERE "id" = OLD."rnr_form_id")
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form_line', NEW."id", 'UPSERT', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "rnr_form" WHERE "id" = NEW."rnr_form_id")
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_rnr_form_line_DELETE";
CREATE TRIGGER "msync_rnr_form_line_DELETE" AFTER DELETE ON "rnr_form_line"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'rnr_form_line', OLD."id", 'DELETE', (SELECT NULLIF(NULLIF("store_id", ''), 'store_id') FROM "rnr_form" WHERE "id" = OLD."rnr_form_id")
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "Goods_received" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "purchase_order_ID" TEXT REFERENCES "purchase_order" ("ID"),
  "serial_number" INTEGER NOT NULL DEFAULT 0,
  "status" TEXT NOT NULL DEFAULT '',
  "comment" TEXT,
  "supplier_reference" TEXT,
  "user_id_created" TEXT,
  "entry_date" TEXT,
  "donor_id" TEXT REFERENCES "name" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_Goods_received_store_ID" ON "Goods_received" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Goods_received_purchase_order_ID" ON "Goods_received" ("purchase_order_ID") WHERE "purchase_order_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Goods_received_donor_id" ON "Goods_received" ("donor_id") WHERE "donor_id" IS NOT NULL;
CREATE TABLE IF NOT EXISTS "Stock_take_lines" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "stock_take_ID" TEXT NOT NULL REFERENCES "Stock_take" ("ID"),
  "location_id" TEXT REFERENCES "Location" ("ID"),
  "comment" TEXT,
  "snapshot_qty" REAL NOT NULL DEFAULT 0,
  "snapshot_packsize" REAL NOT NULL DEFAULT 0,
  "stock_take_qty" REAL NOT NULL DEFAULT 0,
  "is_edited" BOOLEAN NOT NULL DEFAULT 0,
  "item_line_ID" TEXT REFERENCES "item_line" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "item_name" TEXT NOT NULL DEFAULT '',
  "Batch" TEXT,
  "expiry" TEXT,
  "cost_price" REAL NOT NULL DEFAULT 0,
  "sell_price" REAL NOT NULL DEFAULT 0,
  "om_note" TEXT,
  "optionID" TEXT REFERENCES "options" ("ID"),
  "om_item_variant_id" TEXT REFERENCES "item_variant" ("id"),
  "donor_ID" TEXT REFERENCES "name" ("ID"),
  "vaccine_vial_monitor_status_ID" TEXT REFERENCES "vaccine_vial_monitor_status" ("ID"),
  "volume_per_pack" REAL NOT NULL DEFAULT 0,
  "manufacturer_ID" TEXT REFERENCES "name" ("ID"),
  "oms_fields" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_stock_take_ID" ON "Stock_take_lines" ("stock_take_ID") WHERE "stock_take_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_location_id" ON "Stock_take_lines" ("location_id") WHERE "location_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_item_line_ID" ON "Stock_take_lines" ("item_line_ID") WHERE "item_line_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_item_ID" ON "Stock_take_lines" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_optionID" ON "Stock_take_lines" ("optionID") WHERE "optionID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_om_item_variant_id" ON "Stock_take_lines" ("om_item_variant_id") WHERE "om_item_variant_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_donor_ID" ON "Stock_take_lines" ("donor_ID") WHERE "donor_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_vaccine_vial_monitor_status_ID" ON "Stock_take_lines" ("vaccine_vial_monitor_status_ID") WHERE "vaccine_vial_monitor_status_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Stock_take_lines_manufacturer_ID" ON "Stock_take_lines" ("manufacturer_ID") WHERE "manufacturer_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_Stock_take_lines_INSERT";
CREATE TRIGGER "msync_Stock_take_lines_INSERT" AFTER INSERT ON "Stock_take_lines"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take_lines', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "Stock_take" WHERE "ID" = NEW."stock_take_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Stock_take_lines_UPDATE";
CREATE TRIGGER "msync_Stock_take_lines_UPDATE" AFTER UPDATE ON "Stock_take_lines"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take_lines', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "Stock_take" WHERE "ID" = OLD."stock_take_ID")
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take_lines', NEW."ID", 'UPSERT', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "Stock_take" WHERE "ID" = NEW."stock_take_ID")
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_Stock_take_lines_DELETE";
CREATE TRIGGER "msync_Stock_take_lines_DELETE" AFTER DELETE ON "Stock_take_lines"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'Stock_take_lines', OLD."ID", 'DELETE', (SELECT NULLIF(NULLIF("store_ID", ''), 'store_ID') FROM "Stock_take" WHERE "ID" = OLD."stock_take_ID")
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "temperature_log" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "temperature" REAL NOT NULL DEFAULT 0,
  "sensor_ID" TEXT NOT NULL REFERENCES "sensor" ("ID"),
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  "date" TEXT,
  "time" TEXT NOT NULL DEFAULT '00:00:00',
  "temperature_breach_ID" TEXT REFERENCES "temperature_breach" ("ID"),
  "om_datetime" TEXT,
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_temperature_log_sensor_ID" ON "temperature_log" ("sensor_ID") WHERE "sensor_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_temperature_log_location_ID" ON "temperature_log" ("location_ID") WHERE "location_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_temperature_log_store_ID" ON "temperature_log" ("store_ID") WHERE "store_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_temperature_log_temperature_breach_ID" ON "temperature_log" ("temperature_breach_ID") WHERE "temperature_breach_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_temperature_log_INSERT";
CREATE TRIGGER "msync_temperature_log_INSERT" AFTER INSERT ON "temperature_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_temperature_log_UPDATE";
CREATE TRIGGER "msync_temperature_log_UPDATE" AFTER UPDATE ON "temperature_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_temperature_log_DELETE";
CREATE TRIGGER "msync_temperature_log_DELETE" AFTER DELETE ON "temperature_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'temperature_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "vaccination" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "store_id" TEXT NOT NULL REFERENCES "store" ("ID"),
  "given_store_id" TEXT REFERENCES "store" ("ID"),
  "program_enrolment_id" TEXT NOT NULL DEFAULT '',
  "encounter_id" TEXT NOT NULL DEFAULT '',
  "user_id" TEXT NOT NULL,
  "vaccine_course_dose_id" TEXT NOT NULL REFERENCES "vaccine_course_dose" ("id"),
  "created_datetime" TEXT NOT NULL,
  "facility_free_text" TEXT,
  "invoice_id" TEXT REFERENCES "transact" ("ID"),
  "stock_line_id" TEXT REFERENCES "item_line" ("ID"),
  "item_link_id" TEXT REFERENCES "item" ("ID"),
  "clinician_link_id" TEXT REFERENCES "clinician" ("ID"),
  "vaccination_date" TEXT NOT NULL,
  "given" BOOLEAN NOT NULL DEFAULT 0,
  "not_given_reason" TEXT,
  "comment" TEXT,
  "patient_id" TEXT NOT NULL REFERENCES "name" ("ID"),
  "facility_name_id" TEXT REFERENCES "name" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccination_store_id" ON "vaccination" ("store_id") WHERE "store_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_given_store_id" ON "vaccination" ("given_store_id") WHERE "given_store_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_vaccine_course_dose_id" ON "vaccination" ("vaccine_course_dose_id") WHERE "vaccine_course_dose_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_invoice_id" ON "vaccination" ("invoice_id") WHERE "invoice_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_stock_line_id" ON "vaccination" ("stock_line_id") WHERE "stock_line_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_item_link_id" ON "vaccination" ("item_link_id") WHERE "item_link_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_clinician_link_id" ON "vaccination" ("clinician_link_id") WHERE "clinician_link_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_patient_id" ON "vaccination" ("patient_id") WHERE "patient_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccination_facility_name_id" ON "vaccination" ("facility_name_id") WHERE "facility_name_id" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_vaccination_INSERT";
CREATE TRIGGER "msync_vaccination_INSERT" AFTER INSERT ON "vaccination"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccination', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_vaccination_UPDATE";
CREATE TRIGGER "msync_vaccination_UPDATE" AFTER UPDATE ON "vaccination"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccination', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL AND OLD."id" IS NOT NEW."id";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccination', NEW."id", 'UPSERT', NULL
  WHERE NEW."id" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_vaccination_DELETE";
CREATE TRIGGER "msync_vaccination_DELETE" AFTER DELETE ON "vaccination"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccination', OLD."id", 'DELETE', NULL
  WHERE OLD."id" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "vaccine_vial_monitor_status_log" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "status_ID" TEXT NOT NULL REFERENCES "vaccine_vial_monitor_status" ("ID"),
  "date" TEXT NOT NULL,
  "time" TEXT NOT NULL DEFAULT '00:00:00',
  "item_line_ID" TEXT NOT NULL REFERENCES "item_line" ("ID"),
  "comment" TEXT,
  "user_ID" TEXT NOT NULL,
  "trans_line_ID" TEXT REFERENCES "trans_line" ("ID"),
  "store_ID" TEXT NOT NULL REFERENCES "store" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_vaccine_vial_monitor_status_log_status_ID" ON "vaccine_vial_monitor_status_log" ("status_ID") WHERE "status_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_vial_monitor_status_log_item_line_ID" ON "vaccine_vial_monitor_status_log" ("item_line_ID") WHERE "item_line_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_vial_monitor_status_log_trans_line_ID" ON "vaccine_vial_monitor_status_log" ("trans_line_ID") WHERE "trans_line_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_vaccine_vial_monitor_status_log_store_ID" ON "vaccine_vial_monitor_status_log" ("store_ID") WHERE "store_ID" IS NOT NULL;
DROP TRIGGER IF EXISTS "msync_vaccine_vial_monitor_status_log_INSERT";
CREATE TRIGGER "msync_vaccine_vial_monitor_status_log_INSERT" AFTER INSERT ON "vaccine_vial_monitor_status_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccine_vial_monitor_status_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_vaccine_vial_monitor_status_log_UPDATE";
CREATE TRIGGER "msync_vaccine_vial_monitor_status_log_UPDATE" AFTER UPDATE ON "vaccine_vial_monitor_status_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccine_vial_monitor_status_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL AND OLD."ID" IS NOT NEW."ID";
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccine_vial_monitor_status_log', NEW."ID", 'UPSERT', NULLIF(NEW."store_ID", '')
  WHERE NEW."ID" IS NOT NULL;
END;
DROP TRIGGER IF EXISTS "msync_vaccine_vial_monitor_status_log_DELETE";
CREATE TRIGGER "msync_vaccine_vial_monitor_status_log_DELETE" AFTER DELETE ON "vaccine_vial_monitor_status_log"
WHEN NOT (SELECT integrating FROM msync_flag)
BEGIN
  INSERT INTO changelog (table_name, record_id, row_action, store_id)
  SELECT 'vaccine_vial_monitor_status_log', OLD."ID", 'DELETE', NULLIF(OLD."store_ID", '')
  WHERE OLD."ID" IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS "Goods_received_line" (
  "ID" TEXT PRIMARY KEY NOT NULL,
  "goods_received_ID" TEXT NOT NULL REFERENCES "Goods_received" ("ID"),
  "item_ID" TEXT NOT NULL REFERENCES "item" ("ID"),
  "item_name" TEXT NOT NULL DEFAULT '',
  "pack_received" REAL NOT NULL DEFAULT 0,
  "quantity_received" REAL NOT NULL DEFAULT 0,
  "cost_price" REAL NOT NULL DEFAULT 0,
  "batch_received" TEXT,
  "expiry_date" TEXT,
  "comment" TEXT,
  "location_ID" TEXT REFERENCES "Location" ("ID"),
  "volume_per_pack" REAL NOT NULL DEFAULT 0,
  "order_line_ID" TEXT REFERENCES "purchase_order_line" ("ID"),
  msync_extra TEXT
);
CREATE INDEX IF NOT EXISTS "msync_Goods_received_line_goods_received_ID" ON "Goods_received_line" ("goods_received_ID") WHERE "goods_received_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Goods_received_line_item_ID" ON "Goods_received_line" ("item_ID") WHERE "item_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Goods_received_line_location_ID" ON "Goods_received_line" ("location_ID") WHERE "location_ID" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "msync_Goods_received_line_order_line_ID" ON "Goods_received_line" ("order_line_ID") WHERE "order_line_ID" IS NOT NULL;
