package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The last column is the id that an event determines.
var columns = []string{"subscription_id", "api_key_id", "team_id", "model_id", "request_tokens",
	"response_tokens", "input_cost", "output_cost", "latency_ms", "status_code", "error_message",
	"litellm_request_id", "metadata", "created_at", "id"}

var (
	columnList = strings.Join(columns, ", ")

	createIncoming = "CREATE TEMP TABLE incoming ON COMMIT DELETE ROWS AS SELECT " + columnList +
		" FROM usage_logs WITH NO DATA"

	// In one order on all connections: two that have the same events do not deadlock.
	insertNew = "INSERT INTO usage_logs (" + columnList + ") SELECT " + columnList +
		" FROM incoming ORDER BY id ON CONFLICT (id, created_at) DO NOTHING"
)

// copyRows leaves the id to the table: it takes each event as a new one.
func copyRows(ctx context.Context, connection *pgx.Conn, rows [][]any) error {
	last := len(columns) - 1
	_, err := connection.CopyFrom(ctx, pgx.Identifier{"usage_logs"}, columns[:last],
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return rows[i][:last], nil }))
	return err
}

// insertNewRows leaves out the events that usage_logs has. COPY knows no ON CONFLICT.
func insertNewRows(ctx context.Context, connection *pgx.Conn, rows [][]any) error {
	return pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"incoming"}, columns, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertNew)
		return err
	})
}
