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
    `Measured ${date} on ${cpu}, Node ${node}: median of 7 slices, in turn; ${thrown(results)}.`,
    '',
    '| work | callers | by hand, per second | onlyonce, per second | ratio (min–max) | CPU per operation |',
    '| --- | ---: | ---: | ---: | --- | --- |',
    ...rows.map((/** @type {string} */ row) => `| ${row} |`),
  ].join('\n')
}

/** Puts the table between the page's markers of that name. @param {string} page @param {string} table */
export function intoPage(page, table, name = 'bench') {
  const [opening, closing] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [before, rest] = page.split(opening)
  const after = rest?.split(closing)[1]
  if (before === undefined || after === undefined) throw new Error(`the page has no ${opening} … ${closing} markers`)
  return `${before}${opening}\n${table}\n${closing}${after}`
}

/** @param {number} perSecond */
export function rate(perSecond) {
  return perSecond >= 10_000
    ? `${(perSecond / 1000).toFixed(0)}k`
    : perSecond >= 1_000
      ? `${(perSecond / 1000).toFixed(1)}k`
      : perSecond.toFixed(0)
}

/** @param {readonly { thrown: number, disturbed: boolean }[]} results */
function thrown(results) {
  const rounds = results.reduce((sum, one) => sum + one.thrown, 0)
  const disturbed = results.filter((one) => one.disturbed).length
  return `${rounds} rounds thrown away because something else used a core${
    disturbed === 0 ? '' : `, ${disturbed} of ${results.length} works never quiet`
  }`
}
