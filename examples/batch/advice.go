package main

import "errors"

// advise says why a run has ended, and what to do.
func (b *batch) advise(s *summary, lost int, why error) {
	if why != nil {
		b.progress.say("stopped: %v", why)
	}
	if b.thrown {
		return
	}
	if lost > 0 {
		b.progress.say("%d answers came and are not in %s, as it could not be written; the next run says what these lines may have cost", lost, b.set.out)
	}
	if s.Left > 0 {
		b.progress.say("%d lines are left: %s", s.Left, next(why))
	}
	if free := s.Failed - s.MaybePaid; free > 0 {
		b.progress.say("%d lines have failed at no cost: -retry-failed sends them again", free)
	}
	if s.MaybePaid > 0 {
		b.progress.say("%d lines have no answer and may have been paid for: -again sends them again, and they may then be paid for twice", s.MaybePaid)
	}
}

// next says how to go on after a run that ended for a reason.
func next(why error) string {
	const again = "run the same command again"
	switch {
	case errors.Is(why, errFlagBudget):
		return again + " with a higher -budget, or lower what these lines can cost, by their max_completion_tokens or max_tokens"
	case errors.Is(why, errBudget):
		return again + " when the budget has room, or raise its cap in the policy file"
	case errors.Is(why, errLate):
		return again + " with a later -finish-by, or with -within"
	case why == nil, errors.Is(why, errInterrupted):
		return again + ", and it goes on with them"
	}
	return again + " when the cause is mended, and it goes on with them"
}
