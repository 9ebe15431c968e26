package console

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
)

// BackupCoverage says what a backup covers, and for which milestones it was made.
type BackupCoverage struct {
	Tiers      []keepsake.TierCoverage
	Milestones []keepsake.WeddingMark
	Vendors    *keepsake.VendorCoverage // nil where that is not known
	Days       []keepsake.DayRange      // on which there are weddings
}

// coverageColumns are the columns of an operation that say what a backup covers; null without one.
type coverageColumns struct {
	categories, milestones, vendors []byte
	dates                           *string
}

// columnsOfCoverage encodes what a backup covers. Of the weddings that it was made for, those with a milestone are
// facts of it.
func columnsOfCoverage(c *keepsake.Coverage, weddings []keepsake.WeddingMark) (columns coverageColumns, err error) {
	if c == nil {
		return columns, nil
	}
	milestones := []keepsake.WeddingMark{}
	for _, w := range weddings {
		if w.WeddingID != "" && w.Milestone != "" {
			milestones = append(milestones, keepsake.WeddingMark{WeddingID: w.WeddingID, Date: w.Date, Milestone: w.Milestone})
		}
	}
	for column, value := range map[*[]byte]any{&columns.categories: append([]keepsake.TierCoverage{}, c.Tiers...),
		&columns.milestones: milestones} {
		if *column, err = json.Marshal(value); err != nil {
			return columns, fmt.Errorf("encode what a backup covers: %w", err)
		}
		*column = progress.CleanJSON(*column)
	}
	if c.Vendors != nil {
		if columns.vendors, err = json.Marshal(c.Vendors); err != nil {
			return columns, fmt.Errorf("encode which vendors a backup covers: %w", err)
		}
	}
	if c.Weddings > 0 || len(c.Days) > 0 {
		ranges := make([]string, len(c.Days))
		for i, d := range c.Days {
			ranges[i] = "[" + d.From + "," + d.To + "]"
		}
		dates := "{" + strings.Join(ranges, ",") + "}"
		columns.dates = &dates
	}
	return columns, nil
}

// coverageOf decodes what a backup covers; nil where the row does not say it, as those of lists do not.
func coverageOf(r sqlcgen.BackupOperation) (*BackupCoverage, error) {
	if len(r.WeddingDataCategories) == 0 {
		return nil, nil //nolint:nilnil // it is not known: that is an answer
	}
	c := &BackupCoverage{}
	if err := json.Unmarshal(r.WeddingDataCategories, &c.Tiers); err != nil {
		return nil, err
	}
	if err := decode(r.CriticalMilestoneData, &c.Milestones); err != nil {
		return nil, err
	}
	if len(r.VendorIntegrationData) > 0 {
		c.Vendors = &keepsake.VendorCoverage{}
		if err := json.Unmarshal(r.VendorIntegrationData, c.Vendors); err != nil {
			return nil, err
		}
	}
	c.Days = daysIn(r.WeddingDatesCovered)
	return c, nil
}

// daysIn returns the days of a multirange, which PostgreSQL keeps without their ends.
func daysIn(dates pgtype.Multirange[pgtype.Range[pgtype.Date]]) (days []keepsake.DayRange) {
	for _, r := range dates {
		days = append(days, keepsake.DayRange{
			From: r.Lower.Time.Format(time.DateOnly),
			To:   r.Upper.Time.AddDate(0, 0, -1).Format(time.DateOnly),
		})
	}
	return days
}
