// Package reconcile compares a ledger with a provider's bill. By day and model it says what was billed and what the rows
// say, which causes a difference can have, and what attempts of unknown cost have cost.
//
// It takes four steps. [ParseCosts] reads OpenAI's costs, and [ParseCSV] any CSV with dates and amounts; a program can also
// put a [Bill] together itself. [Compare] compares it with the rows of a ledger. The [Report] prints as text, and encodes as
// JSON. [Report.Resolve] writes the costs that the bill has established to the ledger:
//
//	bill, err := reconcile.ParseCosts(file)
//	if err != nil {
//		return err
//	}
//	rows := store.Scan(ctx, ledger.Filter{Provider: "openai", Since: first.AddDate(0, 0, -1), Until: last.AddDate(0, 0, 2)})
//	report, err := reconcile.Compare(rows, bill, reconcile.Config{Provider: "openai"})
//	if err != nil {
//		return err
//	}
//	fmt.Print(report)
//	err = report.Resolve(store)
//
// The ledger has one exact cost for most attempts. For the others it has an exposure, the most that they can have cost, for
// example because the connection was lost. A bill often settles these: if all other calls of a day and model add up to what
// was billed, they cost nothing. The package resolves an attempt only if the bill leaves no other explanation.
package reconcile
