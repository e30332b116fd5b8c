/**
 * The OCI runtime: the verbs of the runtime specification, on containers by state root and id. They know neither images
 * nor names. The face of `utsuwa-oci`, which imports nothing of the engine but this, as other clients import `src/index.ts`;
 * it has one of its own because engines start it for every verb, and each module that it does not load is start time saved.
 *
 * Specification: runtime.md, "Lifecycle", "Operations".
 */
export { type Bundle, readBundle } from '../bundle/bundle.ts'
export { readCgroupHierarchy } from '../cgroup/hierarchy.ts'
export type { IoDeviceStats, Pressure, PressureLine } from '../cgroup/stats/stats.ts'
export { type CgroupMode, type CriuFlags, cgroupModes, type PageServer } from '../criu/messages.ts'
export { isInUserNamespace } from '../launch/host-facts.ts'
export { waitReadable } from '../launch/readable.ts'
export { parseBytes } from '../options/bytes.ts'
export { cloneFlags } from '../plan/namespaces.ts'
export type { CgroupManager } from './cgroup-place.ts'
export { checkpoint } from './checkpoint.ts'
export { create } from './create.ts'
export { deleteContainer } from './delete.ts'
export { exec } from './exec.ts'
export { completeProcess } from './exec-process.ts'
export { features } from './features.ts'
export { kill, parseSignal } from './kill.ts'
export { pause, resume } from './pause.ts'
export type { RuntimeCreateOptions } from './plan-creation.ts'
export { listProcesses } from './processes.ts'
export { restore } from './restore.ts'
export { start } from './start.ts'
export { containerDirectory, readRecord, readSpec } from './state/record.ts'
export { listStates, type OciState, state } from './state.ts'
export { type ContainerStats, stats, watchEvents } from './stats.ts'
export { update } from './update.ts'
