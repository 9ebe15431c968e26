// Keepsake's one script. Every page works without it: it saves reloads, keeps live pages live and guards against double
// clicks. Everything is delegated on data-* attributes; nothing here builds markup from strings.
(() => {
  'use strict';

  // Theme: the form posts a cookie; with script the page changes at once.
  document.addEventListener('submit', (e) => {
    const form = e.target.closest('form[data-theme-form]');
    if (!form || !e.submitter) return;
    e.preventDefault();
    const body = new URLSearchParams(new FormData(form, e.submitter));
    fetch(form.action, { method: 'POST', body, redirect: 'manual' })
      .then(() => {
        const next = e.submitter.value;
        document.documentElement.dataset.theme = next;
        const order = ['auto', 'light', 'dark'];
        const after = order[(order.indexOf(next) + 1) % order.length];
        e.submitter.value = after;
        e.submitter.setAttribute('aria-label', e.submitter.dataset['label' + after[0].toUpperCase() + after.slice(1)]);
        e.submitter.title = e.submitter.getAttribute('aria-label');
      })
      .catch(() => form.submit());
  });

  // A form is sent once, by htmx too: its button rests until the answer or five seconds have come.
  document.addEventListener('submit', (e) => {
    const button = e.submitter;
    if (!button || !e.target.hasAttribute('data-once')) return;
    setTimeout(() => { button.disabled = true; }, 0);
    setTimeout(() => { button.disabled = false; gate(e.target); }, 5000);
  });

  // A typed confirmation: the button wakes when the letters match and the page shows what is chosen.
  // The server says which names count as the same: it is stricter than this, and takes no name that this refuses.
  // The server looks at the choice again, too.
  const letters = (s) => s
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]|\p{Lm}|[\u115f\u1160]/gu, '')
    .toUpperCase()
    .toLowerCase();
  const gate = (form) => {
    const input = form.querySelector('[data-confirm-word]');
    if (!input) return;
    const changed = isChanged(form);
    const words = [input.dataset.confirmWord, ...(input.dataset.confirmAlso || '').split('\n')].map(letters);
    const rests = changed || !input.value.trim() || !words.includes(letters(input.value));
    form.querySelectorAll('[data-confirm-button]').forEach((button) => { button.disabled = rests; });
    form.querySelectorAll('[data-choice-changed]').forEach((words) => { words.hidden = !changed; });
  };
  // Whether a choice is another one than the page was drawn for.
  const isChanged = (form) => [...form.querySelectorAll('[data-choice]')].some((e) => (
    e.matches('select')
      ? [...e.options].some((o) => o.selected !== o.defaultSelected)
      : e.checked !== e.defaultChecked));
  // A change of choice compares anew at once.
  // Only ticks in whole tables, whose comparison takes long, wait for the button.
  const choose = (form, slow) => {
    gate(form);
    if (!slow) form.dispatchEvent(new CustomEvent('recompare', { bubbles: false }));
  };
  document.addEventListener('change', (e) => {
    const form = e.target.matches('[data-choice]') && e.target.closest('form[data-comparison]');
    if (form) choose(form, e.target.dataset.choice === 'slow');
  });
  // A page that comes back from the browser's memory may have other choices than it shows.
  // So may one that was drawn while somebody chose.
  const recheck = () => document.querySelectorAll('form[data-comparison]').forEach((form) => {
    if (isChanged(form)) choose(form, false);
  });
  addEventListener('pageshow', recheck);
  // The kind of backup that a browser restores may be another one than the estimate is of.
  // The estimate is asked for as if that kind had been chosen.
  addEventListener('pageshow', () => document.querySelectorAll('[data-plans]:checked').forEach((e) => {
    if (e.value !== e.form.elements.planned.value) e.dispatchEvent(new Event('change', { bubbles: true }));
  }));
  document.addEventListener('input', (e) => { if (e.target.matches('[data-confirm-word]')) gate(e.target.form); });
  const wake = (root) => {
    root.querySelectorAll('form:has([data-confirm-word])').forEach(gate);
    root.querySelectorAll('[data-stick-end]').forEach((el) => { el.scrollTop = el.scrollHeight; });
    root.querySelectorAll('[data-scroll-to]').forEach((el) => {
      el.scrollLeft = el.scrollWidth * el.dataset.scrollTo - el.clientWidth / 2;
    });
  };

  let leaving = false;
  addEventListener('pagehide', () => { leaving = true; });
  addEventListener('beforeunload', () => { leaving = true; });
  addEventListener('pageshow', () => { leaving = false; });
  const signIn = (why) => {
    const here = location.pathname + location.search;
    location.assign('/sign-in?next=' + encodeURIComponent(here) + why);
  };

  // Live pages.
  const say = (state, words) => document.querySelectorAll('[data-live-state]').forEach((el) => {
    el.dataset.state = state;
    el.textContent = words;
  });
  document.addEventListener('htmx:sseOpen', () => say('live', 'Live'));
  document.addEventListener('htmx:sseError', () => {
    say('lost', 'Connection lost, trying again…');
    if (leaving) return;
    // Perhaps the session ended: the sign-in page opens only for those who are not signed in.
    fetch('/sign-in', { redirect: 'manual' })
      .then((r) => { if (r.type === 'basic' && r.ok) signIn('&ended=expired'); }, () => {});
  });
  document.addEventListener('htmx:sseClose', () => say('ended', 'Ended'));
  // The open and closed groups of tables survive a swap.
  const open = new Map();
  document.addEventListener('click', (e) => {
    const group = e.target.closest('summary') && e.target.closest('details[id]');
    if (group) open.set(group.id, !group.open); // the click is about to turn it
  });
  document.addEventListener('htmx:beforeSwap', (e) => {
    // A comparison that failed leaves the one before on the page, and nothing of it to confirm.
    if (e.detail.target && e.detail.target.id === 'comparison' && e.detail.xhr.status >= 400) {
      e.detail.shouldSwap = false;
      if (e.detail.xhr.status !== 401) {
        trouble('The comparison did not work (' + e.detail.xhr.status + '), so nothing can be confirmed. ' +
          'Reload the page to see the present state.');
      }
    }
    // The session ended: go and sign in, and come back here.
    if (e.detail.xhr && e.detail.xhr.status === 401) {
      e.detail.shouldSwap = false;
      signIn('');
    }
  });
  document.addEventListener('htmx:afterSettle', (e) => {
    const root = e.target instanceof Element ? e.target : document;
    root.querySelectorAll('details[id]').forEach((d) => { if (open.has(d.id)) d.open = open.get(d.id); });
    wake(root.parentElement || document);
    if (root.id === 'comparison') recheck();
    if (root.dataset && root.dataset.address) { // a reload shows the same
      history.replaceState(history.state, '', root.dataset.address);
    }
    const log = root.closest('[data-stick-end]');
    if (log) { // a stream that came back repeats lines that are here already
      const seen = new Set();
      log.querySelectorAll('li[id]').forEach((li) => (seen.has(li.id) ? li.remove() : seen.add(li.id)));
    }
    if (log && log.scrollHeight - log.scrollTop - log.clientHeight < 200) log.scrollTop = log.scrollHeight;
    const bad = root.querySelector('[data-focus-first]');
    if (bad) bad.focus();
  });
  // A page that refreshes itself waits while nobody sees it.
  // It also waits while someone is on one of its links: a swap would take the focus away.
  document.addEventListener('htmx:beforeRequest', (e) => {
    const page = e.detail.elt;
    if (!page.matches('[data-poll]')) return;
    if (document.hidden || page.parentElement.contains(document.activeElement)) e.preventDefault();
  });
  document.addEventListener('htmx:sendError', () => {
    trouble('Keepsake cannot be reached. Check your connection; nothing was changed.');
  });
  document.addEventListener('htmx:responseError', (e) => {
    const status = e.detail.xhr.status;
    if (status !== 401) trouble('That did not work (' + status + '). Reload the page to see the present state.');
  });
  const trouble = (words) => {
    const box = document.querySelector('[data-trouble]');
    if (!box) return;
    box.querySelector('[data-trouble-words]').textContent = words;
    box.hidden = false;
  };

  // "3 min ago" stays true while the page is open.
  const units = [[86400, 'day', 'days'], [3600, 'h', 'h'], [60, 'min', 'min']];
  const relative = (then) => {
    const d = (Date.now() - then) / 1000;
    const a = Math.abs(d);
    if (a < 60) return d >= 0 ? 'just now' : 'in a moment';
    const [size, one, many] = units.find(([s]) => a >= s);
    const n = Math.floor(a / size);
    const words = n + ' ' + (n === 1 ? one : many);
    return d >= 0 ? words + ' ago' : 'in ' + words;
  };
  setInterval(() => document.querySelectorAll('time[data-rel]').forEach((t) => {
    const words = relative(Date.parse(t.dateTime));
    if (t.textContent !== words) t.textContent = words;
  }), 20000);

  wake(document);
})();
