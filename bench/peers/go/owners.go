package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// owners answers whose an event is, from memory: loaded once, which a real one could not afford.
type owners struct {
	keys          map[string]key
	subscriptions map[userModel]pgtype.UUID
}

type key struct{ id, user, team pgtype.UUID }

type userModel struct {
	user  [16]byte
	model string
}

type owner struct{ subscription, key, team pgtype.UUID }

func (o *owners) of(hash, model string) (owner, bool) {
	k, ok := o.keys[hash]
	if !ok {
		return owner{}, false
	}
	subscription, ok := o.subscriptions[userModel{k.user.Bytes, model}]
	return owner{subscription, k.id, k.team}, ok
}

func loadOwners(ctx context.Context, conninfo string) (*owners, error) {
	connection, err := pgx.Connect(ctx, conninfo)
	if err != nil {
		return nil, err
	}
	defer connection.Close(ctx)
	all := &owners{map[string]key{}, map[userModel]pgtype.UUID{}}

	rows, err := connection.Query(ctx,
		"SELECT id, user_id, team_id, key_hash, coalesce(lite_llm_key_value, '') FROM api_keys")
	if err != nil {
		return nil, err
	}
	var k key
	var hash, secret string
	_, err = pgx.ForEachRow(rows, []any{&k.id, &k.user, &k.team, &hash, &secret}, func() error {
		all.keys[hash] = k
		if secret != "" {
			sum := sha256.Sum256([]byte(secret))
			all.keys[hex.EncodeToString(sum[:])] = k
		}
		return nil
	})
	if err != nil {
		return nil, err
	}

	rows, err = connection.Query(ctx, "SELECT id, user_id, model_id FROM subscriptions")
	if err != nil {
		return nil, err
	}
	var id, user pgtype.UUID
	var model string
	_, err = pgx.ForEachRow(rows, []any{&id, &user, &model}, func() error {
		all.subscriptions[userModel{user.Bytes, model}] = id
		return nil
	})
	return all, err
}
