package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestRecover(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	rows := rowsOf(0, 1200)
	for i := range rows {
		rows[i].Outcome, rows[i].Cost, rows[i].Exposure = policy.Open, ledger.Amount{}, ledger.Known(5)
	}
	if err := store.Write(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	ended := rowsOf(0, 1)
	if err := store.Write(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 1099 || err != nil {
		t.Errorf("Recover: %d, %v, want 1099", n, err)
	}
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 0 || err != nil {
		t.Errorf("Recover again: %d, %v, want 0", n, err)
	}
	if got := scan(t, store, ledger.Filter{Outcome: policy.Open}); len(got) != 100 {
		t.Errorf("%d rows are open, want 100", len(got))
	}
	got := scan(t, store, ledger.Filter{Outcome: policy.Ambiguous})
	if len(got) != 1099 {
		t.Fatalf("%d rows are ambiguous, want 1099", len(got))
	}
	if r := got[0]; r.UsageSource != ledger.Unknown || r.Unpriced != ledger.AbandonedReason || r.Exposure != ledger.Known(5) || r.Cost.Known {
		t.Errorf("%+v", r)
	}
}

func TestDeleteBefore(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for i := range 6 {
		if err := store.Write(t.Context(), rowsOf(i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := store.DeleteBefore(t.Context(), noon.Add(5500*time.Millisecond)); n != 5500 || err != nil {
		t.Errorf("DeleteBefore: %d, %v, want 5500", n, err)
	}
	got := scan(t, store, ledger.Filter{})
	if len(got) != 500 || got[0].Call != "000005-000500" {
		t.Errorf("%d rows are left, want 500", len(got))
	}
}
