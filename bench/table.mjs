/** @param {any} report */
export function asTable({ date, node, cpu, results }) {
  const rows = results.map((/** @type {any} */ { name, callers, base, ours, ratio }) =>
    [
      name,
      callers,
      `${base.what}: ${rate(base.perSecond)}`,
      `${rate(ours.perSecond)}`,
      `**${ratio.median.toFixed(2)}×** (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
      `${base.cpuMicros.toFixed(1)} → ${ours.cpuMicros.toFixed(1)} µs`,
    ].join(' | '),
  )
  return [
    `Measured ${date} on ${cpu}, Node ${node}: median of 7 slices, in turn.`,
    '',
    '| work | callers | by hand, per second | onlyonce, per second | ratio (min–max) | CPU per operation |',
    '| --- | ---: | ---: | ---: | --- | --- |',
    ...rows.map((/** @type {string} */ row) => `| ${row} |`),
  ].join('\n')
}

/** Puts the table between the page's markers. @param {string} page @param {string} table */
export function intoPage(page, table) {
  const [before, rest] = page.split('<!-- bench -->')
  const after = rest?.split('<!-- /bench -->')[1]
  if (before === undefined || after === undefined)
    throw new Error('the page has no <!-- bench --> … <!-- /bench --> markers')
  return `${before}<!-- bench -->\n${table}\n<!-- /bench -->${after}`
}

/** @param {number} perSecond */
function rate(perSecond) {
  return perSecond >= 10_000
    ? `${(perSecond / 1000).toFixed(0)}k`
    : perSecond >= 1_000
      ? `${(perSecond / 1000).toFixed(1)}k`
      : perSecond.toFixed(0)
}
