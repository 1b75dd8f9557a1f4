extension SlabPicture {
  /// Shapes of an SVG, from the top down. Whole coordinates: the same input gives the same bytes.
  struct Canvas {
    static let width = 880
    private static let margin = 24
    /// Below all that was drawn.
    private(set) var y = 0
    private var shapes: [String] = []

    /// Moves down, and returns where that is.
    mutating func advance(by height: Int) -> Int {
      y += height
      return y
    }

    mutating func heading(_ text: String) {
      _ = advance(by: 18)
      self.text(text, 0, y, "heading")
    }

    /// - Parameter hue: in degrees; nil: as the style has it.
    mutating func box(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ style: String, hue: Int? = nil) {
      let fill = hue.map { " fill=\"\(Canvas.colour($0))\"" } ?? ""
      shapes.append("<rect class=\"\(style)\" x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"\(fill)/>")
    }

    /// Of medium lightness and saturation, as "#rrggbb".
    private static func colour(_ hue: Int) -> String {
      let (low, high) = (51, 204)
      let rest = hue % 60
      let rising = low + (high - low) * rest / 60
      let falling = high - (high - low) * rest / 60
      let (red, green, blue) =
        switch hue / 60 {
        case 0: (high, rising, low)
        case 1: (falling, high, low)
        case 2: (low, high, rising)
        case 3: (low, falling, high)
        case 4: (rising, low, high)
        default: (high, low, falling)
        }
      return "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    mutating func line(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int, _ style: String) {
      shapes.append("<line class=\"\(style)\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\"/>")
    }

    mutating func text(_ text: String, _ x: Int, _ y: Int, _ style: String) {
      shapes.append("<text class=\"\(style)\" x=\"\(x)\" y=\"\(y)\">\(text)</text>")
    }

    /// The first of the texts that fits, about; none: nothing.
    mutating func centred(_ texts: [String], _ x: Int, _ y: Int, _ width: Int) {
      guard let fitting = texts.first(where: { $0.count * 7 + 6 <= width }) else { return }
      text(fitting, x + width / 2, y, "inside")
    }

    /// - Precondition: no text holds a character that XML escapes.
    func document(title: String, description: [String]) -> String {
      let height = y + 16 + 2 * Canvas.margin
      let width = Canvas.width + 2 * Canvas.margin
      return """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" \
        role="img" aria-labelledby="title description">
        <title id="title">\(title)</title>
        <desc id="description">\(description.joined(separator: "; "))</desc>
        <style>
        text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; }
        .heading { font-size: 16px; font-weight: bold; }
        .label, .name { fill: #59636e; }
        .inside { text-anchor: middle; }
        .page { fill: #ffffff; }
        .guard, .slots, .slot, .memory { stroke: #8c959f; }
        .guard { fill: url(#hatching); }
        .slots { fill: #3388cc; fill-opacity: 0.2; }
        .slot { fill-opacity: 0.2; }
        .memory { fill-opacity: 0.75; }
        .reach { stroke: #1f2328; stroke-width: 2; }
        .lead { stroke: #8c959f; stroke-dasharray: 4 4; }
        .hatch { stroke: #8c959f; }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3; }
          .label, .name { fill: #9198a1; }
          .page { fill: #0d1117; }
          .reach { stroke: #e6edf3; }
        }
        </style>
        <defs>
        <pattern id="hatching" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <line class="hatch" x1="0" y1="0" x2="0" y2="8"/>
        </pattern>
        </defs>
        <rect class="page" width="\(width)" height="\(height)"/>
        <g transform="translate(\(Canvas.margin) \(Canvas.margin))">
        \(shapes.joined(separator: "\n"))
        </g>
        </svg>

        """
    }
  }
}
