package main

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-json"
	"github.com/jackc/pgx/v5/pgtype"
)

// event is what the columns need of a StandardLoggingPayload.
type event struct {
	ID               string      `json:"id"`
	Status           string      `json:"status"`
	StartTime        float64     `json:"startTime"`
	EndTime          float64     `json:"endTime"`
	Model            string      `json:"model"`
	ModelGroup       string      `json:"model_group"`
	CallType         string      `json:"call_type"`
	Provider         string      `json:"custom_llm_provider"`
	TraceID          string      `json:"trace_id"`
	CallID           string      `json:"litellm_call_id"`
	Stream           *bool       `json:"stream"`
	CacheHit         *bool       `json:"cache_hit"`
	PromptTokens     int32       `json:"prompt_tokens"`
	CompletionTokens int32       `json:"completion_tokens"`
	ResponseCost     json.Number `json:"response_cost"`
	Tags             []string    `json:"request_tags"`
	ErrorStr         *string     `json:"error_str"`
	CostBreakdown    *struct {
		OutputCost float64 `json:"output_cost"`
	} `json:"cost_breakdown"`
	ErrorInformation *struct {
		Code string `json:"error_code"`
	} `json:"error_information"`
	Metadata struct {
		KeyHash string `json:"user_api_key_hash"`
		TeamID  string `json:"user_api_key_team_id"`
	} `json:"metadata"`
}

type metadata struct {
	CallType string   `json:"call_type"`
	Provider string   `json:"provider"`
	Model    string   `json:"model"`
	TraceID  string   `json:"trace_id"`
	CallID   string   `json:"call_id"`
	Stream   bool     `json:"stream,omitempty"`
	CacheHit bool     `json:"cache_hit,omitempty"`
	Tags     []string `json:"tags,omitempty"`
}

func makeRow(value []byte, owners *owners) ([]any, error) {
	var e event
	if err := json.Unmarshal(value, &e); err != nil {
		return nil, err
	}
	owner, ok := owners.of(e.Metadata.KeyHash, e.ModelGroup)
	if !ok {
		return nil, fmt.Errorf("nobody's event")
	}
	meta, err := json.Marshal(metadata{e.CallType, e.Provider, e.Model, e.TraceID, e.CallID,
		isTrue(e.Stream), isTrue(e.CacheHit), e.Tags})
	if err != nil {
		return nil, err
	}
	total, _ := strconv.ParseFloat(string(e.ResponseCost), 64)
	var output float64
	if e.CostBreakdown != nil && !isTrue(e.CacheHit) {
		output = e.CostBreakdown.OutputCost
	}
	return []any{owner.subscription, owner.key, owner.team, e.ModelGroup, e.PromptTokens,
		e.CompletionTokens, micros(total - output), micros(output),
		int32((e.EndTime-e.StartTime)*1000 + 0.5), statusOf(&e), e.ErrorStr, e.ID,
		json.RawMessage(meta), time.UnixMicro(int64(e.StartTime * 1e6)).UTC(), idOf(e.ID)}, nil
}

// idOf is the same UUID for each delivery of an event.
func idOf(id string) pgtype.UUID {
	sum := sha256.Sum256([]byte(id))
	uuid := pgtype.UUID{Valid: true}
	copy(uuid.Bytes[:], sum[:])
	return uuid
}

func isTrue(flag *bool) bool { return flag != nil && *flag }

// micros is a numeric(10, 6).
func micros(cost float64) pgtype.Numeric {
	var n pgtype.Numeric
	if cost < 0 {
		cost = 0
	}
	_ = n.Scan(strconv.FormatFloat(cost, 'f', 6, 64)) // never fails on a formatted number
	return n
}

func statusOf(e *event) int32 {
	if e.ErrorInformation != nil {
		if code, err := strconv.Atoi(e.ErrorInformation.Code); err == nil && code >= 400 {
			return int32(code)
		}
	}
	if e.Status == "failure" {
		return 500
	}
	return 200
}
