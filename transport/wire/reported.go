package wire

import "github.com/skinflint-go/skinflint/policy/price"

// readCost reads what the provider says that it charged, in US dollars.
func readCost(raw []byte, a *Answer) {
	if len(raw) > 0 && raw[0] >= '0' && raw[0] <= '9' {
		if p, err := price.RoundUSD(string(raw)); err == nil {
			a.Reported, a.HasReported = p, true
		}
	}
}

// tick is xAI's unit of money in picodollars: a tenth of a nanodollar.
const tick = 100

// readTicks reads what xAI says that it charged, in ticks.
func readTicks(raw []byte, a *Answer) {
	if n, ok := count(raw); ok {
		a.Reported, a.HasReported = price.Pico(n*tick), true
	}
}
