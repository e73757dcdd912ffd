package main

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A batch that is not full goes on when no record came for so long.
const linger = 200 * time.Millisecond

// poll collects fetched records into batches until s.events were read. A partition has one lane, which
// commits its offsets in order: a crash leaves no batch behind that a later offset hides.
func poll(ctx context.Context, s settings, client *kgo.Client, lanes []chan []*kgo.Record) {
	var read int64
	batches := make([][]*kgo.Record, len(lanes))
	flush := func(lane int) {
		if len(batches[lane]) == 0 {
			return
		}
		select {
		case lanes[lane] <- batches[lane]:
		case <-ctx.Done():
		}
		batches[lane] = make([]*kgo.Record, 0, s.batch)
	}
	flushAll := func() {
		for lane := range lanes {
			flush(lane)
		}
	}
	for (s.events == 0 || read < s.events) && ctx.Err() == nil {
		fetches := pollFor(ctx, client, s.batch)
		if fetches.NumRecords() == 0 {
			flushAll()
		}
		fetches.EachRecord(func(record *kgo.Record) {
			read++
			lane := int(record.Partition) % len(lanes)
			batches[lane] = append(batches[lane], record)
			if len(batches[lane]) == s.batch {
				flush(lane)
			}
		})
	}
	flushAll()
}

func pollFor(ctx context.Context, client *kgo.Client, records int) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	fetches := client.PollRecords(ctx, records)
	fetches.EachError(func(topic string, partition int32, err error) {
		if !errors.Is(err, ctx.Err()) {
			log.Printf("%s/%d: %v", topic, partition, err)
		}
	})
	return fetches
}

// work decodes, attributes and stores the batches of a lane on a connection of its own.
func work(s settings, client *kgo.Client, owners *owners, batches <-chan []*kgo.Record,
	committed func(int)) error {
	ctx := context.Background() // a batch that was begun is ended
	connection, err := pgx.Connect(ctx, s.conninfo)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	store := copyRows
	if s.deduplicate {
		if _, err := connection.Exec(ctx, createIncoming); err != nil {
			return err
		}
		store = insertNewRows
	}
	for batch := range batches {
		rows := make([][]any, 0, len(batch))
		for _, record := range batch {
			row, err := makeRow(record.Value, owners)
			if err != nil {
				log.Printf("%s/%d@%d: %v", record.Topic, record.Partition, record.Offset, err)
				continue
			}
			rows = append(rows, row)
		}
		if err := store(ctx, connection, rows); err != nil {
			return err
		}
		if err := client.CommitRecords(ctx, batch...); err != nil {
			return err
		}
		committed(len(batch))
	}
	return nil
}
