'use strict';
// The account of the steps: which of them are shown, the arrows between those,
// and what belongs to the step under the pointer or the focus.
(() => {
  const section = document.getElementById('account');
  const form = section.querySelector('.choices');
  const said = form.querySelector('output');
  const rows = [...section.querySelectorAll('tbody tr')];
  const flightEnds = 0.42; // of its way, where an arrow ends whose other end is hidden
  const seam = 2; // hundredths of a row by which a part of an arrow reaches into the next
  const arrows = new Map();
  for (const row of rows) {
    for (const line of row.querySelectorAll('.arrow')) {
      const number = line.dataset.arrow;
      if (!arrows.has(number)) arrows.set(number, { parts: [], from: row, x1: +line.getAttribute('x1') });
      const arrow = arrows.get(number);
      arrow.parts.push({ line, row });
      arrow.to = row;
      arrow.x2 = +line.getAttribute('x2');
    }
  }
  const ends = new Map(rows.map((row) => [row, []])); // the arrows that begin or end in a row
  for (const arrow of arrows.values()) {
    for (const row of new Set([arrow.from, arrow.to])) ends.get(row).push(arrow);
  }

  function place(line, x1, y1, x2, y2) {
    line.setAttribute('x1', x1);
    line.setAttribute('y1', `${y1}%`);
    line.setAttribute('x2', x2);
    line.setAttribute('y2', `${y2}%`);
  }

  // draw straightens the arrows, since rows differ in height and may be hidden.
  function draw() {
    const boxes = new Map(rows.map((row) => {
      const { top, height } = row.getBoundingClientRect();
      return [row, row.hidden ? null : { top, tall: height }];
    }));
    for (const { parts, from, to, x1, x2 } of arrows.values()) {
      const a = boxes.get(from);
      const b = boxes.get(to);
      const start = a && a.top + a.tall / 2;
      const end = b && b.top + b.tall / 2;
      for (const { line, row } of parts) {
        const box = boxes.get(row);
        line.style.visibility = a && b ? '' : 'hidden';
        if (!box) continue;
        if (from === to || a && b) {
          const at = (y) => from === to ? x1 : x1 + (x2 - x1) * (y - start) / (end - start);
          const y1 = row === from ? 50 : -seam;
          const y2 = row === to ? 50 : 100 + seam;
          const x = (share) => at(box.top + box.tall * share / 100);
          place(line, x(y1), y1, from === to ? x2 : x(y2), y2);
        } else if (row === from) { // goes to a hidden row
          line.style.visibility = '';
          place(line, x1, 50, x1 + flightEnds * (x2 - x1), 70);
        } else if (row === to) {
          line.style.visibility = '';
          place(line, x2 - flightEnds * (x2 - x1), 30, x2, 50);
        }
      }
    }
  }

  function chosen(name) {
    return new Set([...form.querySelectorAll(`input[name="${name}"]:checked`)].map((input) => input.value));
  }

  let current = null; // the row that Tab reaches
  function choose() {
    const nodes = chosen('node');
    const groups = chosen('group');
    const pastOnly = chosen('steps').has('past');
    let shown = 0;
    for (const row of rows) {
      const { node, group } = row.dataset;
      const always = row.classList.contains('is-violation');
      row.hidden = !always && (pastOnly && !row.classList.contains('past') || node && !nodes.has(node) || group && !groups.has(group));
      if (!row.hidden) shown += 1;
    }
    said.textContent = `${shown} of ${rows.length} rows shown`;
    if (!current || current.hidden) reach(rows.find((row) => !row.hidden));
    draw();
  }

  function reach(row) {
    if (current) tabTo(current, -1);
    current = row || null;
    if (current) tabTo(current, 0);
  }

  function tabTo(row, index) {
    row.tabIndex = index;
    const link = row.querySelector('.told a');
    if (link) link.tabIndex = index;
  }

  function light(row) {
    for (const lit of section.querySelectorAll('.lit')) lit.classList.remove('lit');
    if (!row) return;
    row.classList.add('lit');
    for (const { parts, from, to } of ends.get(row)) {
      from.classList.add('lit');
      to.classList.add('lit');
      for (const { line } of parts) line.classList.add('lit');
    }
  }

  const rowOf = (event) => event.target.closest('#account tbody tr');
  const body = section.querySelector('tbody');
  body.addEventListener('pointerover', (event) => light(rowOf(event)));
  body.addEventListener('pointerleave', () => light(null));
  body.addEventListener('focusin', (event) => { reach(rowOf(event)); light(rowOf(event)); });
  body.addEventListener('focusout', () => light(null));
  body.addEventListener('keydown', (event) => {
    const seen = rows.filter((row) => !row.hidden);
    const at = seen.indexOf(rowOf(event));
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: seen.length - 1 }[event.key];
    if (to === undefined || !seen[to]) return;
    event.preventDefault();
    seen[to].focus();
  });
  body.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#step-"]');
    const row = link && document.getElementById(link.getAttribute('href').slice(1));
    if (!row) return;
    row.hidden = false; // even if it was not chosen: it was asked for
    draw();
    event.preventDefault();
    row.focus();
  });
  form.addEventListener('change', choose);
  form.addEventListener('submit', (event) => event.preventDefault());
  window.addEventListener('resize', draw);
  window.addEventListener('beforeprint', draw);
  for (const row of rows) tabTo(row, -1);
  form.hidden = false;
  choose();
})();
