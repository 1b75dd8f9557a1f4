import Aviary
import AviaryTenants
import Glibc

// aviary-tenants [seed] [instances per strategy] [threads] [part of a strategy's name]
//
// Runs tenants that behave badly over every way to allocate memories, and says what one saw of
// another, and what was left behind. Exits with 1 where there is anything to say.
let words = Array(CommandLine.arguments.dropFirst())
let numbers = words.prefix(3).compactMap { UInt64($0) }
let seed = numbers.first ?? UInt64.random(in: 0...UInt64.max)
let wanted = words.count > 3 ? words[3] : ""
func resets(_ outcome: TenantRun.Outcome) -> String {
  guard let pool = outcome.pool else { return "" }
  let kinds = [
    ("adaptive", pool.adaptiveResets), ("scan", pool.scanResets), ("keep-resident", pool.keepResidentResets),
    ("decommit", pool.decommitResets), ("cleared", pool.clearings),
  ]
  return "; resets: " + kinds.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
}

var isClean = true
// What the process makes once and keeps is made before anything is counted.
_ = try TenantRun(seed: seed, instances: 20).run(Engine())
var total = 0
for strategy in Strategy.all() where wanted.isEmpty || strategy.name.contains(wanted) {
  var run = TenantRun(seed: seed, instances: numbers.count > 1 ? Int(clamping: numbers[1]) : 2_000)
  run.threads = numbers.count > 2 ? Int(clamping: numbers[2]) : 2
  run.strays = strategy.isProtected
  let before = Resources.now()
  var outcome = TenantRun.Outcome()
  do {
    outcome = try run.run(Engine(strategy.configuration))
  } catch {
    outcome.failures = ["\(error)"]
  }
  let after = Resources.now()
  if after != before { outcome.failures.append("left behind: \(before) became \(after)") }
  total += outcome.instances
  print(
    "\(outcome.failures.isEmpty ? "clean " : "FAILED") \(strategy.name): \(outcome.instances) instances, "
      + "\(outcome.modules) modules, \(outcome.refusals) refusals" + resets(outcome))
  for failure in outcome.failures { print("  \(failure)") }
  isClean = isClean && outcome.failures.isEmpty
}
print("seed \(seed): \(total) instances")
exit(isClean ? 0 : 1)
