package adaptertest

// rates are picodollars for a token: input, cached input, output. They are what the providers' price pages of November
// 2026 say, written down once more: the embedded catalog is not asked, so an error in it is found.
var rates = map[string][3]int64{
	"gpt-5 standard":                  {1_250_000, 125_000, 10_000_000},
	"gpt-5 flex":                      {625_000, 62_500, 5_000_000},
	"gpt-5 priority":                  {2_500_000, 250_000, 20_000_000},
	"gpt-5-mini standard":             {250_000, 25_000, 2_000_000},
	"gpt-5-mini flex":                 {125_000, 12_500, 1_000_000},
	"gpt-5-mini priority":             {450_000, 45_000, 3_600_000},
	"gemini-2.5-flash standard":       {300_000, 30_000, 2_500_000},
	"gemini-2.5-flash flex":           {150_000, 15_000, 1_250_000},
	"gemini-2.5-pro standard":         {1_250_000, 125_000, 10_000_000},
	"gemini-2.5-pro flex":             {625_000, 62_500, 5_000_000},
	"claude-sonnet-4-5 standard":      {3_000_000, 300_000, 15_000_000},
	"claude-haiku-4-5 standard":       {1_000_000, 100_000, 5_000_000},
	"text-embedding-3-small standard": {20_000, 0, 0},
}
