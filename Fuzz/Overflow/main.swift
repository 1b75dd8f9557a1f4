import Aviary
import AviaryOverflow
import Foundation
import Glibc

// aviary-overflow run HUNGER PLACE STACK CHECK     one host function, in this process
// aviary-overflow [COUNT] [WORD...]                COUNT processes for each that has all words, say what is wrong
//
// Exits with 1 where something is.
var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
unsafe setrlimit(__rlimit_resource_t(4), &noCore)
let words = Array(CommandLine.arguments.dropFirst())
if words.first == "run", let meal = Meal(Array(words.dropFirst())) {
  do {
    for use in try meal.run() {
      print("\(use.module) \(use.name): \(use.calls) calls, \(use.isAtLeast ? "at least " : "")\(use.most.bytes) bytes")
    }
    exit(0)
  } catch {
    FileHandle.standardError.write(Data("\(meal): \(error)\n".utf8))
    exit(3)
  }
}
let count = words.first.flatMap { Int($0) } ?? 1
let wanted = words.filter { Int($0) == nil || words.first != $0 }
let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
var problems = 0
var ends: [String: Int] = [:]
for meal in Meal.matrix where wanted.allSatisfy({ meal.words.contains($0) }) {
  for _ in 0..<count {
    ends[meal.overflows == true ? "caught" : "returned", default: 0] += 1
    if let problem = try MealProcess(meal, executable: executable).problem() {
      problems += 1
      print("\(meal): \(problem)")
    }
  }
}
print("\(ends.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")), \(problems) problems")
exit(problems == 0 ? 0 : 1)
