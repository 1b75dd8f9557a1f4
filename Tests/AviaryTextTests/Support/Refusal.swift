import AviaryText

/// Why `source` is refused; nil when it is not.
func refusal(_ source: String) -> TextError? {
  do throws(TextError) {
    _ = try WAT.encode(source)
    return nil
  } catch {
    return error
  }
}

/// Contents of the sections of `module` by id; custom sections are left out.
func sections(_ module: [UInt8]) -> [UInt8: [UInt8]] {
  var result: [UInt8: [UInt8]] = [:]
  var index = 8
  while index < module.count {
    let id = module[index]
    index += 1
    var size = 0
    var shift = 0
    repeat {
      size |= Int(module[index] & 0x7F) << shift
      shift += 7
      index += 1
    } while module[index - 1] & 0x80 != 0
    if id != 0 { result[id] = Array(module[index..<index + size]) }
    index += size
  }
  return result
}
