// The rival that a good team would write in a week: a Go consumer that decodes LiteLLM events, looks
// up whose they are in memory, and COPYs them in batches; a trigger in PostgreSQL does the sums.
//
// Kafka offsets are committed after the COPY. So a crash between the two brings a batch a second time, and
// the topic may hold duplicates: with -deduplicate a row has an id that its event determines, and one that
// is there already is left out. Without, both are counted twice.
//
//	peer -brokers 127.0.0.1:9092 -topic t -conninfo "host=..." -batch 10000 -workers 2 -events 1000000
//
// It ends when so many records are committed, and prints how long that took. With -events 0 it goes on.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type settings struct {
	brokers, topic, group, conninfo string
	batch, workers                  int
	events                          int64
	deduplicate                     bool
}

// The lower bound of brokers: how long the partitions of a process that was killed wait.
const sessionTimeout = 6 * time.Second

func main() {
	var s settings
	flag.StringVar(&s.brokers, "brokers", "", "bootstrap servers")
	flag.StringVar(&s.topic, "topic", "litellm.usage.v1", "topic")
	flag.StringVar(&s.group, "group", fmt.Sprintf("go-peer-%d", time.Now().UnixNano()), "consumer group")
	flag.StringVar(&s.conninfo, "conninfo", "", "libpq keywords")
	flag.IntVar(&s.batch, "batch", 5000, "rows a COPY")
	flag.IntVar(&s.workers, "workers", 1, "PostgreSQL connections")
	flag.Int64Var(&s.events, "events", 0, "end after so many records; 0: never")
	flag.BoolVar(&s.deduplicate, "deduplicate", false, "leave out events that are there already")
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
		kgo.ConsumerGroup(s.group),
		kgo.SessionTimeout(sessionTimeout),
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
	lanes := make([]chan []*kgo.Record, s.workers)
	errs := make(chan error, s.workers)
	var done int64
	for i := range lanes {
		lanes[i] = make(chan []*kgo.Record, 1)
		go func(batches <-chan []*kgo.Record) {
			err := work(s, client, owners, batches, func(records int) {
				if total := atomic.AddInt64(&done, int64(records)); s.events > 0 && total >= s.events {
					stop()
				}
			})
			if err != nil {
				stop()
			}
			errs <- err
		}(lanes[i])
	}
	poll(ctx, s, client, lanes)
	for _, lane := range lanes {
		close(lane)
	}
	for range lanes {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Printf("{\"records\":%d,\"seconds\":%.3f}\n", done, time.Since(began).Seconds())
	return nil
}
