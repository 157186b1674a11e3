'use strict';
// One pointer in time for all figures: a line in each, and the values there.
(() => {
  const plots = [...document.querySelectorAll('svg.plot')];
  const tip = document.getElementById('tip');
  const step = run.width;
  let at = 0;
  const inside = (spans, t) => spans.filter((s) => s.from <= t && t <= s.to);

  function words(t) {
    const bucket = run.buckets[Math.min(run.buckets.length - 1, Math.floor(t / step))];
    const lines = [`${t.toFixed(2)} s`];
    if (bucket) {
      lines.push(`a second: ${bucket[0]} ok, ${bucket[1]} fail, ${bucket[2]} info`);
      if (bucket.length > 3) {
        lines.push(`ok took: median ${bucket[3]}, 95 % ${bucket[4]}`, `99 % ${bucket[5]}, slowest ${bucket[6]}`);
      }
    }
    run.faults.forEach((f, i) => {
      if (f.from <= t && t <= f.to) lines.push(`fault ${i + 1}: ${f.what}`);
    });
    for (const lane of run.roles) {
      const now = inside(lane.spans, t).pop();
      if (now) lines.push(`${lane.node}: ${now.what}`);
    }
    return lines.join('\n');
  }

  function show(t, x, y) {
    at = Math.max(0, Math.min(run.seconds, t));
    const place = 1000 * (run.left + (at / run.seconds) * (run.right - run.left));
    for (const plot of plots) {
      const cross = plot.querySelector('.cross');
      cross.setAttribute('x1', place);
      cross.setAttribute('x2', place);
      cross.style.visibility = 'visible';
    }
    tip.hidden = false;
    tip.textContent = words(at);
    const left = x + 18 + tip.offsetWidth > window.innerWidth ? x - 18 - tip.offsetWidth : x + 18;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, window.innerHeight - tip.offsetHeight - 8))}px`;
  }

  function hide() {
    tip.hidden = true;
    for (const plot of plots) plot.querySelector('.cross').style.visibility = 'hidden';
  }

  for (const plot of plots) {
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect();
      const part = ((event.clientX - box.left) / box.width - run.left) / (run.right - run.left);
      show(part * run.seconds, event.clientX, event.clientY);
    });
    plot.addEventListener('pointerleave', hide);
    plot.addEventListener('blur', hide);
    plot.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -step, ArrowRight: step }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const box = plot.getBoundingClientRect();
      const t = Math.max(0, Math.min(run.seconds, at + by));
      show(t, box.left + box.width * (run.left + (t / run.seconds) * (run.right - run.left)), box.top + box.height / 2);
    });
  }
})();
