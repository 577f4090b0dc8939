export { bundled } from '../support/bundle.ts'
export { SABOTAGES, STORES } from './plan.ts'
export { asTable, complaints, isGood } from './report.ts'
export { chaos } from './run.ts'
