/// Guests in the text format.
enum Programs {
  private static let wasi = "wasi_snapshot_preview1"

  /// Adds, divides, recurses, spins, fills memory; no WASI.
  static let arithmetic = """
    (module $arithmetic
      (memory (export "memory") 1)
      (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func $quotient (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
      (func (export "divide") (param i64 i64) (result i64) (call $quotient (local.get 0) (local.get 1)))
      (func (export "swap") (param f32 f64) (result f64 f32) (local.get 1) (local.get 0))
      (func $down (export "down") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
      (func $spin (export "spin") (loop $l (br $l)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
    """

  /// Prints "hello\\n".
  static let hello = """
    (module
      (import "\(wasi)" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00")
      (data (i32.const 16) "hello\\n")
      (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
    """

  /// Exits with a code.
  static func exit(_ code: UInt32) -> String {
    """
    (module
      (import "\(wasi)" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (i32.const \(code)))))
    """
  }

  /// Copies standard input to standard output.
  static let cat = """
    (module
      (import "\(wasi)" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "\(wasi)" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 2)
      (func (export "_start")
        (loop $more
          (i32.store (i32.const 0) (i32.const 1024))
          (i32.store (i32.const 4) (i32.const 65536))
          (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
          (if (i32.load (i32.const 8)) (then
            (i32.store (i32.const 4) (i32.load (i32.const 8)))
            (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then (unreachable)))
            (br $more))))))
    """

  /// Prints what a pair of functions (`args_…` or `environ_…`) gives, zero bytes included.
  static func strings(_ family: String) -> String {
    """
    (module
      (import "\(wasi)" "\(family)_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (import "\(wasi)" "\(family)_get" (func $get (param i32 i32) (result i32)))
      (import "\(wasi)" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (if (call $sizes (i32.const 0) (i32.const 4)) (then (unreachable)))
        (if (call $get (i32.const 1024) (i32.const 8192)) (then (unreachable)))
        (i32.store (i32.const 0) (i32.const 8192))
        (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))))
    """
  }

  /// Makes the file "made" below descriptor 3, and exits with the error number.
  static let create = """
    (module
      (import "\(wasi)" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "\(wasi)" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "made")
      (func (export "_start")
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 1)
          (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0)))))
    """

  /// Exits with descriptor 3's file type.
  static let fileType = """
    (module
      (import "\(wasi)" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
      (import "\(wasi)" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (if (call $stat (i32.const 3) (i32.const 0)) (then (call $exit (i32.const 99))))
        (call $exit (i32.load8_u (i32.const 0)))))
    """

  /// A reactor: `value` is 7 once it is initialised.
  static let reactor = """
    (module
      (memory (export "memory") 1)
      (global $value (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $value (i32.const 7)))
      (func (export "value") (result i32) (global.get $value)))
    """
}
