export {
  type Need,
  runStoreCase,
  type StoreCase,
  type StoreConformanceOptions,
  type StoreContext,
  type StoreUnderTest,
  storeCases,
  storeConformance,
  type TestRunner,
} from './conformance/index.ts'
export { type FakeRuntime, type FakeRuntimeOptions, fakeRuntime } from './fake-runtime.ts'
export { type Fault, type FaultPlan, type FaultyStoreOptions, type FaultyVerb, faultyStore } from './faulty-store.ts'
export {
  playSchedule,
  type ScheduleOptions,
  type ScheduleReport,
  type SimulateOptions,
  type SimulationReport,
  simulate,
  type Violation,
} from './simulate/index.ts'
