package main

import (
	"os"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

// kept is a summary of a run in which every promise was kept.
func kept() summary {
	var ledgerSpent, ledgerExposure price.Sum
	ledgerSpent.Add(price.MustUSD("0.085"))
	ledgerExposure.Add(price.MustUSD("0.003"))
	return summary{
		Admitted: 396, Limit: 404, Sent: 522, SentLimit: 553,
		Spent: price.MustUSD("0.085"), Exposure: price.MustUSD("0.004"), Cap: price.MustUSD("0.1"), Meter: price.MustUSD("0.0865"),
		Most: price.MustUSD("0.0899"), Samples: 400, Unknown: 20,
		LedgerSpent: ledgerSpent, LedgerExposure: ledgerExposure, LedgerRows: 554,
		Workers: 4, Killed: 1, Down: 5, Seconds: 27.5, Calls: 553, Answered: 519, Shared: 96, RefusedBudget: 32, RefusedDown: 2,
	}
}

func Example_print() {
	s := kept()
	s.print(os.Stdout)
	// Output:
	// limit       requests  at most
	// first part       396      404  98.0 %
	// both parts       522      553  94.4 %
	//
	// budget                  amount  of the cap
	// cap               $0.100000000     100.0 %
	// spent             $0.085000000      85.0 %
	// held              $0.000000000       0.0 %
	// exposed           $0.004000000       4.0 %
	// most at once      $0.089900000      89.9 %
	// provider's meter  $0.086500000      86.5 %
	// ledger, spent     $0.085000000
	// ledger, exposed   $0.003000000
	//
	// 4 workers, 1 killed. Redis hung for 5.0 s, and 96 attempts were admitted by the workers' shares meanwhile.
	// 553 calls in 27.5 s: 519 answered; 32 refused because the budget was spent, 2 because Redis was away, 0 by the limit.
}

func TestUnreached(t *testing.T) {
	s := kept()
	if s.Admitted = 384; s.unreached() != "" {
		t.Error(s.unreached())
	}
	if s.Admitted = 383; !strings.Contains(s.unreached(), "less than 95 % of the 404") {
		t.Error(s.unreached())
	}
}

func TestBroken(t *testing.T) {
	s := kept()
	if broken := s.broken(); len(broken) > 0 {
		t.Fatalf("%q", broken)
	}
	for want, change := range map[string]func(*summary){
		"never seen":                     func(s *summary) { s.Samples = 0 },
		"at one time $0.100000000001":    func(s *summary) { s.Most = s.Cap + 1 },
		"less than 80 %":                 func(s *summary) { s.Spent = s.Cap*8/10 - 1; s.Exposure = s.Cap / 10 },
		"$0.000000000001 are still held": func(s *summary) { s.Held = 1 },
		"has not become exposure":        func(s *summary) { s.Exposure = 0 },
		"the provider bills $0.0891, and $0.085 are spent and $0.004 exposed": func(s *summary) { s.Meter = price.MustUSD("0.0891") },
		"the ledger has $0.088": func(s *summary) { s.Meter = price.MustUSD("0.0881") },
		"1 rows whose end":      func(s *summary) { s.LedgerOpen = 1 },
		"the limit admits 404":  func(s *summary) { s.Admitted = 405 },
		"the limit admits 553":  func(s *summary) { s.Sent = 554 },
		"limits rejected 2":     func(s *summary) { s.ProviderRejected = 2 },
		"3 calls failed":        func(s *summary) { s.Failed = 3 },
	} {
		s := kept()
		change(&s)
		if broken := strings.Join(s.broken(), "\n"); !strings.Contains(broken, want) {
			t.Errorf("%q, want %q", broken, want)
		}
	}
}
