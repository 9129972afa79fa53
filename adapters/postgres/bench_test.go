package postgres_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
)

const batch = 512

// BenchmarkWrite compares with an INSERT of the same columns, as arrays, into a table without partitions and without a key.
func BenchmarkWrite(b *testing.B) {
	dsn := pgtest.Start(b)
	b.Run("store", func(b *testing.B) {
		store := open(b, dsn, "bench")
		for i := 0; b.Loop(); i++ {
			if err := store.Write(b.Context(), rowsOf(i, batch)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
		exec(b, other(b, dsn), "truncate bench.rows")
	})
	b.Run("bare", func(b *testing.B) {
		pool := other(b, dsn)
		exec(b, pool, `create table if not exists bare (at timestamptz, call text, attempt bigint, provider text, operation text, model text, served_tier text,
			outcome text, price_id text, unpriced boolean, cost bigint, list bigint, implicit bigint, exposure bigint, tags jsonb, row json)`)
		for i := 0; b.Loop(); i++ {
			var at []time.Time
			var call, provider, operation, model, tier, outcome, priceID, tags, line []string
			var attempt, cost, list []int64
			var implicit, exposure []*int64
			var unpriced []bool
			for _, r := range rowsOf(i, batch) {
				at, call, attempt = append(at, r.At), append(call, r.Call), append(attempt, int64(r.Attempt))
				provider, operation, model = append(provider, r.Provider), append(operation, r.Operation), append(model, r.ServedModel)
				tier, outcome, priceID = append(tier, string(r.ServedTier)), append(outcome, string(r.Outcome)), append(priceID, r.PriceID)
				unpriced = append(unpriced, false)
				cost, list = append(cost, int64(r.Cost.Pico)), append(list, int64(r.List.Pico))
				implicit, exposure = append(implicit, nil), append(exposure, nil)
				tags, line = append(tags, `{"job":"nightly","tenant":"acme"}`), append(line, string(r.AppendJSON(nil)))
			}
			if _, err := pool.Exec(b.Context(), `insert into bare select at, call, attempt, provider, operation, model, tier, outcome, price_id, unpriced,
				cost, list, implicit, exposure, tags::jsonb, line::json from unnest($1::timestamptz[], $2::text[], $3::bigint[], $4::text[], $5::text[],
				$6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::text[])
				as new (at, call, attempt, provider, operation, model, tier, outcome, price_id, unpriced, cost, list, implicit, exposure, tags, line)`,
				at, call, attempt, provider, operation, model, tier, outcome, priceID, unpriced, cost, list, implicit, exposure, tags, line); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
		exec(b, pool, "truncate bare")
	})
}
