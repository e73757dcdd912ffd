-- The table as the migrations of LiteLLM 1.106.2 (package litellm-proxy-extras 0.4.110) make it, without its indexes.
CREATE TABLE "LiteLLM_SpendLogs" (
    "request_id" TEXT NOT NULL,
    "call_type" TEXT NOT NULL,
    "api_key" TEXT NOT NULL DEFAULT '',
    "spend" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "total_tokens" INTEGER NOT NULL DEFAULT 0,
    "prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "startTime" TIMESTAMP(3) NOT NULL,
    "endTime" TIMESTAMP(3) NOT NULL,
    "request_duration_ms" INTEGER,
    "completionStartTime" TIMESTAMP(3),
    "model" TEXT NOT NULL DEFAULT '',
    "model_id" TEXT DEFAULT '',
    "model_group" TEXT DEFAULT '',
    "custom_llm_provider" TEXT DEFAULT '',
    "api_base" TEXT DEFAULT '',
    "user" TEXT DEFAULT '',
    "metadata" JSONB DEFAULT '{}',
    "cache_hit" TEXT DEFAULT '',
    "cache_key" TEXT DEFAULT '',
    "request_tags" JSONB DEFAULT '[]',
    "team_id" TEXT,
    "organization_id" TEXT,
    "end_user" TEXT,
    "requester_ip_address" TEXT,
    "messages" JSONB DEFAULT '{}',
    "response" JSONB DEFAULT '{}',
    "session_id" TEXT,
    "status" TEXT,
    "mcp_namespaced_tool_name" TEXT,
    "billing_agent_id" TEXT,
    "agent_id" TEXT,
    "proxy_server_request" JSONB DEFAULT '{}',
    "litellm_call_id" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "LiteLLM_SpendLogs_pkey" PRIMARY KEY ("request_id")
);

-- One row as LiteLLM makes it (a line of spend_logs.ndjson), stored as the Prisma client stores it: times are cut to
-- milliseconds, JSON text becomes JSON, a second row of the same id is dropped (create_many with skip_duplicates).
CREATE FUNCTION store_spend_log(made JSONB) RETURNS void LANGUAGE sql AS $$
    INSERT INTO "LiteLLM_SpendLogs"
    SELECT (jsonb_populate_record(NULL::"LiteLLM_SpendLogs",
        '{"spend": 0, "created_at": "now", "updated_at": "now"}' || jsonb_strip_nulls(made) || jsonb_build_object(
            'startTime', date_trunc('milliseconds', (made->>'startTime')::timestamptz AT TIME ZONE 'UTC'),
            'endTime', date_trunc('milliseconds', (made->>'endTime')::timestamptz AT TIME ZONE 'UTC'),
            'completionStartTime', date_trunc('milliseconds', (made->>'completionStartTime')::timestamptz AT TIME ZONE 'UTC'),
            'metadata', (made->>'metadata')::jsonb, 'request_tags', (made->>'request_tags')::jsonb,
            'messages', '{}'::jsonb, 'response', '{}'::jsonb, 'proxy_server_request', '{}'::jsonb))).*
    ON CONFLICT DO NOTHING
$$;
