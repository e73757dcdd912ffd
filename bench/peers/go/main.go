// The rival that a good team would write in a week: a Go consumer that decodes LiteLLM events, looks
// up whose they are in memory, and COPYs them in batches; a trigger in PostgreSQL does the sums.
//
// It is made to be fast, not safe: Kafka offsets are committed after the COPY, so a crash between the
// two counts a batch twice, and nothing removes duplicates that the topic already holds.
//
//	peer -brokers 127.0.0.1:9092 -topic t -conninfo "host=..." -batch 10000 -workers 2 -events 1000000
//
// It ends when so many records are committed, and prints how long that took.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

type settings struct {
	brokers, topic, conninfo string
	batch, workers           int
	events                   int64
}

func main() {
	var s settings
	flag.StringVar(&s.brokers, "brokers", "", "bootstrap servers")
	flag.StringVar(&s.topic, "topic", "litellm.usage.v1", "topic")
	flag.StringVar(&s.conninfo, "conninfo", "", "libpq keywords")
	flag.IntVar(&s.batch, "batch", 5000, "rows a COPY")
	flag.IntVar(&s.workers, "workers", 1, "PostgreSQL connections")
	flag.Int64Var(&s.events, "events", 0, "end after so many records")
	flag.Parse()
	if err := run(context.Background(), s); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, s settings) error {
	began := time.Now()
	owners, err := loadOwners(ctx, s.conninfo)
	if err != nil {
		return fmt.Errorf("loading keys and subscriptions: %w", err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(s.brokers, ",")...),
		kgo.ConsumeTopics(s.topic),
		kgo.ConsumerGroup(fmt.Sprintf("go-peer-%d", began.UnixNano())),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxBytes(64<<20),
		kgo.FetchMaxPartitionBytes(16<<20),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan []*kgo.Record, s.workers)
	errs := make(chan error, s.workers)
	var done int64
	var workers sync.WaitGroup
	for i := 0; i < s.workers; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			errs <- work(ctx, s, client, owners, batches, func(records int) {
				if atomic.AddInt64(&done, int64(records)) >= s.events {
					stop()
				}
			})
		}()
	}
	poll(ctx, s, client, batches)
	close(batches)
	workers.Wait()
	for i := 0; i < s.workers; i++ {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Printf("{\"records\":%d,\"seconds\":%.3f}\n", done, time.Since(began).Seconds())
	return nil
}

// poll collects fetched records into batches until s.events were read.
func poll(ctx context.Context, s settings, client *kgo.Client, batches chan<- []*kgo.Record) {
	var read int64
	batch := make([]*kgo.Record, 0, s.batch)
	flush := func() {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
		batch = make([]*kgo.Record, 0, s.batch)
	}
	for read < s.events && ctx.Err() == nil {
		fetches := client.PollRecords(ctx, s.batch)
		fetches.EachError(func(topic string, partition int32, err error) {
			if ctx.Err() == nil {
				log.Printf("%s/%d: %v", topic, partition, err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) {
			read++
			batch = append(batch, record)
			if len(batch) == s.batch {
				flush()
			}
		})
	}
	if len(batch) > 0 {
		flush()
	}
}

// work decodes, attributes and COPYs batches on a connection of its own.
func work(ctx context.Context, s settings, client *kgo.Client, owners *owners,
	batches <-chan []*kgo.Record, committed func(int)) error {
	background := context.Background() // a batch that was begun is ended
	connection, err := pgx.Connect(background, s.conninfo)
	if err != nil {
		return err
	}
	defer connection.Close(background)
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
		if _, err := connection.CopyFrom(background, pgx.Identifier{"usage_logs"}, columns,
			pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		if err := client.CommitRecords(background, batch...); err != nil {
			return err
		}
		committed(len(batch))
	}
	return nil
}
