// A counter, a small ALU behind it and a state machine: enough for every pass
// of `synth` to have something to do.
module alu(input [2:0] op, input [15:0] a, b, output reg [15:0] y, output zero);
  always @* case (op)
    3'd0: y = a + b;
    3'd1: y = a - b;
    3'd2: y = a & b;
    3'd3: y = a ^ b;
    3'd4: y = a << b[3:0];
    3'd5: y = $signed(a) >>> b[3:0];
    3'd6: y = a * b;
    default: y = (a < b) ? a : b;
  endcase
  assign zero = y == 0;
endmodule

module counter(input clock, reset, enable, input [2:0] op, input [15:0] step, output reg [15:0] value, output [1:0] mode);
  localparam IDLE = 0, RUN = 1, HOLD = 2, DONE = 3;
  reg [1:0] state;
  wire [15:0] next;
  wire zero;
  alu unit(.op(op), .a(value), .b(step), .y(next), .zero(zero));
  assign mode = state;
  always @(posedge clock)
    if (reset) begin state <= IDLE; value <= 0; end
    else case (state)
      IDLE: if (enable) state <= RUN;
      RUN: begin value <= next; if (zero) state <= DONE; else if (!enable) state <= HOLD; end
      HOLD: if (enable) state <= RUN;
      DONE: state <= IDLE;
    endcase
endmodule
