import Aviary
import AviaryTenants

// aviary-tenants [seed] [instances per strategy] [threads]
let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
var run = TenantRun(seed: arguments.first ?? 1, instances: Int(clamping: arguments.dropFirst().first ?? 2_000))
run.threads = Int(clamping: arguments.dropFirst(2).first ?? 2)
let outcome = try run.run(Engine())
print("\(outcome.instances) instances, \(outcome.modules) modules, \(outcome.refusals) refusals")
for failure in outcome.failures { print(failure) }
