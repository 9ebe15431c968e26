package operation

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/wedsync/keepsake/db"
	"github.com/wedsync/keepsake/db/dbtest"
	"github.com/wedsync/keepsake/db/sqlcgen"
	"github.com/wedsync/keepsake/internal/audit"
	"github.com/wedsync/keepsake/internal/engine/report"
	"github.com/wedsync/keepsake/internal/keepsake"
	"github.com/wedsync/keepsake/internal/progress"
	"github.com/wedsync/keepsake/internal/testenv"
)

// playerURL makes this binary a process that does with operations whatever can be done, until it is killed.
const playerURL = "KEEPSAKE_TEST_PLAYER"

func TestMain(m *testing.M) {
	if url := os.Getenv(playerURL); url != "" {
		panic(playForEver(keepsake.Secret(url)))
	}
	testenv.Main(m)
}

// slotKind is a kind of operation that does nothing and has slots.
type slotKind struct {
	name  Name
	slots []Slot
}

var errTaken = keepsake.Errorf(keepsake.CodeConflict, "Somebody else has it.")

// slotKinds need one slot, two, and one of those.
var slotKinds = []Kind{
	slotKind{"verify", []Slot{{"read", errTaken}}},
	slotKind{"repair", []Slot{{"write", errTaken}, {"read", errTaken}}},
	slotKind{"restore", []Slot{{"write", errTaken}}},
}

func (k slotKind) About() About {
	return About{
		Name:       k.name,
		Queue:      QueueDefault,
		Permission: keepsake.MayBackup,
		Slots:      k.slots,
		Cancelled:  "Cancelled.",
	}
}

func (slotKind) Run(context.Context, Operation, report.Reporter) (Report, error) {
	return Report{}, errors.New("nobody runs it")
}
func (slotKind) Stopped(context.Context, db.Tx, Operation) error { return nil }
func (slotKind) Describe(Operation, *audit.Entry)                {}

// player is a process that does things to operations in any order.
type player struct {
	r     *Runner
	d     *db.DB
	dice  *rand.Rand
	holds []Operation
	asked []string // that it has asked for
}

func newPlayer(d *db.DB, seed uint64) (*player, error) {
	quietly := slog.New(slog.DiscardHandler)
	r, err := NewRunner(d, quietly, time.Now,
		LeaseTimes{Beat: 50 * time.Millisecond, Expiry: 300 * time.Millisecond}, slotKinds...)
	return &player{r: r, d: d, dice: rand.New(rand.NewPCG(seed, 1))}, err
}

var person = keepsake.Actor{ID: "1", Name: "amelia@example.org", Role: keepsake.RoleSuperAdmin}

// step does one thing. What another player was quicker with is no error.
func (p *player) step(ctx context.Context) error {
	var err error
	switch n := p.dice.IntN(12); {
	case n < 4:
		err = p.ask(ctx)
	case n == 4:
		err = p.approve(ctx)
	case n < 8:
		err = p.claim(ctx)
	case n == 8:
		err = p.end(ctx, func(o Operation) error { return p.r.finish(ctx, o, p.outcome()) })
	case n == 9:
		err = p.end(ctx, func(o Operation) error { return p.r.release(ctx, o, workerStopped) })
	case n == 10:
		err = p.cancel(ctx)
	default:
		if len(p.holds) > 0 && p.dice.IntN(2) == 0 {
			p.holds = p.holds[1:] // as one that dies: it beats no more, and says nothing
		}
		_, err = p.r.Reconcile(ctx)
	}
	return err
}

// ask asks for an operation of any kind, which may be told that its slot is taken.
func (p *player) ask(ctx context.Context) error {
	about := slotKinds[p.dice.IntN(len(slotKinds))].About()
	row := sqlcgen.InsertOperationParams{
		ID:            uuid.Must(uuid.NewV7()).String(),
		Kind:          string(about.Name),
		Platform:      []string{"main", "other"}[p.dice.IntN(2)],
		Labels:        []byte("{}"),
		Weddings:      []byte("[]"),
		Slots:         about.SlotNames(),
		State:         string(StateQueued),
		RequestedBy:   "2",
		RequestedName: "bea@example.org",
	}
	if about.Name == "restore" {
		row.Target, row.TargetDatabase, row.Restore = "platform server", "copy", []byte(`{"scope": {"everything": true}}`)
		if p.dice.IntN(2) == 0 {
			row.State = string(StateProposed)
		}
	}
	err := p.d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
		if err := tx.InsertOperation(ctx, row); err != nil {
			return about.Refusal(err)
		}
		if row.State == string(StateProposed) {
			return nil
		}
		return p.r.Enqueue(ctx, tx, row.ID, about.Name)
	})
	if err == nil {
		p.asked = append(p.asked, row.ID)
	}
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

// one returns an operation in one of the states that the player has asked for, or another; "" where there is none.
func (p *player) one(ctx context.Context, states ...State) (id string, err error) {
	err = p.d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
		return tx.PG.QueryRow(ctx, "select coalesce((select id::text from backup_operations where state = any($1) "+
			"order by random() limit 1), '')", states).Scan(&id)
	})
	return id, err
}

func (p *player) approve(ctx context.Context) error {
	id, err := p.one(ctx, StateProposed)
	if err != nil || id == "" {
		return err
	}
	err = p.d.InTx(ctx, person, func(tx db.Tx) error {
		row, err := p.r.Approve(ctx, tx, person, id)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, person, audit.Entry{Action: "approval.give", Target: row.ID, Outcome: audit.Allowed})
	})
	if db.IsNoRows(err) || errors.Is(err, errTaken) {
		return nil
	}
	return err
}

func (p *player) claim(ctx context.Context) error {
	id, err := p.one(ctx, StateQueued, StateInterrupted)
	if err != nil || id == "" {
		return err
	}
	row, err := p.r.claim(ctx, id)
	if db.IsNoRows(err) {
		return nil
	}
	if err == nil {
		p.holds = append(p.holds, row)
	}
	return err
}

// outcome is any way in which an operation ends.
func (p *player) outcome() outcome {
	ok := true
	switch p.dice.IntN(3) {
	case 0:
		return outcome{report: Report{Row: sqlcgen.FinishOperationParams{Ok: &ok}, Result: map[string]any{}}}
	case 1:
		return outcome{err: keepsake.Errorf(keepsake.CodeUnavailable, "The platform does not answer.")}
	}
	return outcome{err: errors.New("it went wrong")}
}

// end lets go of an operation that the player holds, or believes to hold.
func (p *player) end(_ context.Context, how func(Operation) error) error {
	if len(p.holds) == 0 {
		return nil
	}
	o := p.holds[0]
	p.holds = p.holds[1:]
	if err := how(o); err != nil && !db.IsNoRows(err) && !errors.Is(err, progress.ErrLeaseLost) {
		return fmt.Errorf("end operation %s: %w", o.ID, err)
	}
	return nil
}

func (p *player) cancel(ctx context.Context) error {
	id, err := p.one(ctx, StateProposed, StateQueued, StateRunning, StateInterrupted)
	if err != nil || id == "" {
		return err
	}
	err = p.d.InTx(ctx, person, func(tx db.Tx) error { return p.r.Cancel(ctx, tx, person, id) })
	if err != nil && keepsake.CodeOf(err) == keepsake.CodeConflict {
		return nil // it has ended
	}
	return err
}

func playForEver(url keepsake.Secret) error {
	ctx := context.Background()
	d, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	p, err := newPlayer(d, uint64(os.Getpid()))
	for err == nil {
		err = p.step(ctx)
		fmt.Println("stepped") // the parent counts
	}
	return err
}

// slotsAreRight returns what is wrong at one moment: a slot that two active operations need, one that an active
// operation lacks, and one that somebody has who is not active, or under another lease than its operation's.
func slotsAreRight(ctx context.Context, d *db.DB) (wrong string, held int, err error) {
	err = d.InTx(ctx, keepsake.System("test"), func(tx db.Tx) error {
		return tx.PG.QueryRow(ctx, `
			with needed as (
				select o.platform, n.name, o.id, o.fence from backup_operations o, unnest(o.slots) n (name)
				where o.state in ('queued', 'running', 'interrupted')
			)
			select (select count(*) from slots), coalesce((select string_agg(w.what, '; ') from (
				select 'two have ' || platform || '/' || name from needed group by platform, name having count(*) > 1
				union all
				select coalesce(s.operation, n.id) || ' and ' || coalesce(s.platform, n.platform) || '/' || coalesce(s.name, n.name)
				from slots s full join needed n on n.id = s.operation and n.platform = s.platform and n.name = s.name
					and n.fence = s.fence
				where s.operation is null or n.id is null
			) w (what)), '')`).Scan(&held, &wrong)
	})
	return wrong, held, err
}

// TestASlotHasOneHolder lets processes ask, approve, claim, finish, fail, give back, cancel and die as they like, some
// of them killed with SIGKILL, while somebody looks: at no moment do two active operations need one slot, and at none
// is a slot held by an operation that has ended. When all have ended, no slot is left.
func TestASlotHasOneHolder(t *testing.T) {
	t.Parallel()
	url := dbtest.Tables(t)
	d := dbtest.Open(t, url)
	const players, steps, kills = 4, 60, 4

	looking, stop := context.WithCancel(t.Context())
	looked := make(chan struct{})
	busiest, looks := 0, 0
	go func() {
		defer close(looked)
		for looking.Err() == nil {
			wrong, held, err := slotsAreRight(looking, d)
			if err != nil && looking.Err() == nil || wrong != "" {
				t.Errorf("slots are wrong: %s (%v)", wrong, err)
				return
			}
			busiest, looks = max(busiest, held), looks+1
		}
	}()
	g, ctx := errgroup.WithContext(t.Context())
	for i := range players {
		g.Go(func() error {
			p, err := newPlayer(dbtest.Open(t, url), uint64(i))
			for n := 0; n < steps && err == nil; n++ {
				err = p.step(ctx)
			}
			return err
		})
	}
	g.Go(func() error {
		for i := range kills {
			if err := playAndBeKilled(ctx, url, 5+10*i); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	<-looked
	if busiest < 3 || looks < 20 {
		t.Errorf("at most %d slots were held in %d looks: this proves little", busiest, looks)
	}
	endAll(t, d)
	if wrong, held, err := slotsAreRight(t.Context(), d); err != nil || wrong != "" || held != 0 {
		t.Errorf("%d slots are held after everything has ended: %s (%v)", held, wrong, err)
	}
}

// playAndBeKilled runs a process for so many steps and kills it in the midst of the next.
func playAndBeKilled(ctx context.Context, url keepsake.Secret, steps int) error {
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), playerURL+"="+url.Reveal())
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	lines, stepped := bufio.NewScanner(out), 0
	for stepped < steps && lines.Scan() {
		stepped++
	}
	_ = child.Process.Kill() // SIGKILL
	_ = child.Wait()
	if stepped < steps {
		return fmt.Errorf("a process ended by itself after %s of %d steps", strconv.Itoa(stepped), steps)
	}
	return nil
}

// endAll cancels everything, and takes what runs from those who died.
func endAll(t *testing.T, d *db.DB) {
	t.Helper()
	p, err := newPlayer(d, 0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		id, err := p.one(t.Context(), StateProposed, StateQueued, StateRunning, StateInterrupted)
		if err != nil {
			t.Fatal(err)
		}
		if id == "" {
			return
		}
		if err := p.cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.r.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTwoProcessesRaceForASlot: of many that ask at once exactly one is told yes, and the others in the kind's words.
func TestTwoProcessesRaceForASlot(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.Tables(t))
	about := slotKinds[1].About()
	begin, answers := make(chan struct{}), make(chan error)
	const many = 8
	for range many {
		go func() {
			<-begin
			answers <- d.InTx(t.Context(), person, func(tx db.Tx) error {
				return about.Refusal(tx.InsertOperation(t.Context(), sqlcgen.InsertOperationParams{
					ID:            uuid.Must(uuid.NewV7()).String(),
					Kind:          string(about.Name),
					Platform:      "main",
					Labels:        []byte("{}"),
					Weddings:      []byte("[]"),
					Slots:         about.SlotNames(),
					State:         string(StateQueued),
					RequestedBy:   "1",
					RequestedName: person.Name,
				}))
			})
		}()
	}
	close(begin)
	won := 0
	for range many {
		if err := <-answers; err == nil {
			won++
		} else if !errors.Is(err, errTaken) {
			t.Errorf("a process is told %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d have the slots", won, many)
	}
}
