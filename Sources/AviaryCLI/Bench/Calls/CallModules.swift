import AviaryText

/// The guests that calls are measured with. The loops are the guest's, so that a call of the host costs nothing else;
/// synchronous ones do not wait for each other's results.
enum CallModules {
  static let sync = """
    (module
      (import "host" "nothing" (func $nothing))
      (import "host" "add" (func $add (param i32 i32) (result i32)))
      (func (export "nothing"))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "call_nothing") (param $n i32) (result i32) (local $left i32)
        (local.set $left (local.get $n))
        (loop $again
          (call $nothing)
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (local.get $n))
      (func (export "call_add") (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (local.get $sum) (call $add (i32.const 3) (i32.const -2))))
          (br_if $again (i32.ne (local.get $sum) (local.get $n))))
        (local.get $sum))
      (memory (export "memory") 1))
    """

  /// Each of the host's gives its argument + 1: at once; after it waited once; when the host lets it go.
  static let async = """
    (module
      (import "host" "at_once" (func $at_once (param i32) (result i32)))
      (import "host" "later" (func $later (param i32) (result i32)))
      (import "host" "wait" (func $wait (param i32) (result i32)))
      (func (export "nothing"))
      (func (export "call_at_once") (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (br_if $again (i32.ne (local.tee $sum (call $at_once (local.get $sum))) (local.get $n))))
        (local.get $sum))
      (func (export "call_later") (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (br_if $again (i32.ne (local.tee $sum (call $later (local.get $sum))) (local.get $n))))
        (local.get $sum))
      (func (export "wait") (param i32) (result i32) (call $wait (local.get 0)))
      (memory (export "memory") 1))
    """

  static func save(to folder: String) throws {
    for (name, text) in [("sync", sync), ("async", async)] {
      try OutputFile.write(try WAT.encode(text), to: "\(folder)/\(name).wasm")
    }
  }
}
