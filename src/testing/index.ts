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
export * from './crash-everywhere/index.ts'
export { type FakeRuntime, type FakeRuntimeOptions, fakeRuntime } from './fake-runtime.ts'
export { type Fault, type FaultPlan, type FaultyStoreOptions, type FaultyVerb, faultyStore } from './faulty-store.ts'
export {
  type HttpCase,
  type HttpConformanceOptions,
  type HttpContext,
  type HttpHarness,
  type HttpRoute,
  type HttpScript,
  type HttpSeen,
  type HttpServer,
  type HttpServeSpec,
  httpCases,
  httpConformance,
  runHttpCase,
  type WayTruth,
} from './http-conformance/index.ts'
export {
  playSchedule,
  type ScheduleOptions,
  type ScheduleReport,
  type SimulateOptions,
  type SimulationReport,
  simulate,
  type Violation,
} from './simulate/index.ts'
