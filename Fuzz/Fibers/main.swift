import Aviary
import AviaryFibers
import AviaryTenants
import Glibc

// aviary-fibers [seed] [guests] [suspensions] [calm]
// aviary-fibers spin [guests] [seconds]          how evenly guests that spin share the threads, and how late one is stopped
//
// So many guests suspended at a time, over every way to allocate memories that differs for them. Exits with 1 where
// one did not end as it should, or something was left behind.
let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
if CommandLine.arguments.dropFirst().first == "spin" {
  let spinning = SpinningGuests(
    guests: Int(clamping: numbers.first ?? 1000), time: .seconds(Int(clamping: numbers.dropFirst().first ?? 10)))
  let turns = try await spinning.turns().sorted()
  let mean = turns.reduce(0, +) / Int64(max(turns.count, 1))
  print("\(turns.count) guests: \(mean) turns each, least \(turns.first ?? 0), most \(turns.last ?? 0)")
  let late = try await spinning.lateness(200)
  let each = Dictionary(grouping: late) { $0 }.sorted { $0.key < $1.key }.map { "\($0.value.count) within \($0.key + 1)" }
  print("stopped: \(each.joined(separator: ", ")) ticks from the deadline's on")
  exit(turns.first ?? 0 > mean / 2 && late.max() ?? 0 < 2 ? 0 : 1)
}
var run = SuspendedGuests(seed: numbers.first ?? .random(in: 0...UInt64.max), guests: numbers.count > 1 ? Int(clamping: numbers[1]) : 1000)
if numbers.count > 2 { run.suspensions = Int(clamping: numbers[2]) }
run.isCalm = CommandLine.arguments.contains("calm")
print("seed \(run.seed): \(run.guests) guests, \(run.suspensions) suspensions each")
var small = run
small.guests = 10
// What the process makes once and keeps is made before anything is counted.
_ = try await small.run(EngineConfiguration())
var isClean = true
@MainActor func pool(_ initialization: PoolingConfiguration.MemoryInitialization) -> EngineConfiguration {
  var pool = PoolingConfiguration(instances: run.guests, maxMemory: .mebibytes(1))
  pool.memoryInitialization = initialization
  var configuration = EngineConfiguration()
  configuration.allocation = .pooling(pool)
  return configuration
}
for (name, configuration) in [
  ("pool", pool(.automatic)), ("pool, eager", pool(.eager)), ("on demand", EngineConfiguration()),
] {
  // On demand each memory has a reservation of 6 GiB: the machine has room for some ten thousand.
  if name == "on demand", run.guests > 4000 { continue }
  var seen = [Resources.now()]
  var outcome: SuspendedGuests.Outcome
  var failures: [String] = []
  // What is left behind is so each time. A sanitizer makes something for itself now and then: pipes to who reads symbols
  // for it, parts of its heap.
  repeat {
    outcome = try await run.run(configuration)
    failures += outcome.failures
    seen.append(await settled(seen.last!))
  } while seen.count < 5 && seen.last != seen[seen.count - 2]
  if seen.count == 5, seen[4] != seen[3] { failures.append("left behind: \(seen)") }
  let each = (outcome.residentSuspended - outcome.residentBefore) / max(run.guests, 1)
  print("\(failures.isEmpty ? "clean " : "FAILED") \(name): \(each) bytes resident for each suspended guest")
  if name == "pool" { print("  " + outcome.ends.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: "; ")) }
  for failure in failures.prefix(20) { print("  \(failure)") }
  isClean = isClean && failures.isEmpty
}
exit(isClean ? 0 : 1)

/// A task's last references go a moment after its value is there.
func settled(_ before: Resources) async -> Resources {
  var now = Resources.now()
  for _ in 0..<200 where now != before {
    await Task.yield()
    now = Resources.now()
  }
  return now
}
