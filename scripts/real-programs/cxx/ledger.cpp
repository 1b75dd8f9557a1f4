// A ledger in C++ with the standard library and exceptions: makes some 200,000
// lines of journal, a part of them broken in every way it knows, parses them with
// regular expressions and a recursive parser for the amounts, books them with
// rollback, and prints what came out. Everything that goes wrong goes by
// exceptions: thrown through destructors, wrapped (std::throw_with_nested), kept
// (std::exception_ptr), thrown again, caught by base class, by virtual base and
// by reference to a pointer.
//
// The output depends on nothing that differs between standard libraries: no
// what() of theirs, no order of unordered containers.
#include <algorithm>
#include <any>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>
#include <variant>
#include <vector>

namespace {

struct Located : virtual std::exception {
  std::size_t line = 0;
};
struct LedgerError : virtual std::exception {
  std::string text;
  explicit LedgerError(std::string text) : text(std::move(text)) {}
  const char *what() const noexcept override { return text.c_str(); }
};
struct SyntaxError : LedgerError, Located {
  SyntaxError(std::string text, std::size_t line) : LedgerError(std::move(text)) { this->line = line; }
};
struct Unbalanced : LedgerError {
  std::int64_t by;
  explicit Unbalanced(std::int64_t by) : LedgerError("unbalanced"), by(by) {}
};
struct Overdrawn final : LedgerError {
  std::string account;
  explicit Overdrawn(std::string account) : LedgerError("overdrawn"), account(std::move(account)) {}
};

std::uint64_t undone = 0;

// Sums of cents: + - * / ( ), numbers with two decimals, at any depth.
class Amount {
  std::string_view rest;
  int depth = 0;

  struct Deeper {
    int &depth;
    explicit Deeper(int &depth) : depth(depth) {
      if (++depth > 40) {
        --depth;
        throw LedgerError("too deep");
      }
    }
    ~Deeper() { --depth; }
  };

  bool take(char wanted) {
    if (rest.empty() || rest.front() != wanted) return false;
    rest.remove_prefix(1);
    return true;
  }
  std::int64_t number() {
    std::int64_t whole = 0, part = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), whole);
    if (error == std::errc::result_out_of_range) throw std::overflow_error("number");
    if (error != std::errc{}) throw LedgerError("number expected");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (take('.')) {
      if (rest.size() < 2 || !std::isdigit(rest[0]) || !std::isdigit(rest[1])) throw LedgerError("two decimals expected");
      part = (rest[0] - '0') * 10 + (rest[1] - '0');
      rest.remove_prefix(2);
    }
    return whole * 100 + part;
  }
  std::int64_t factor() {
    Deeper deeper(depth);
    if (take('-')) return -factor();
    if (!take('(')) return number();
    auto value = sum();
    if (!take(')')) throw LedgerError("parenthesis expected");
    return value;
  }
  std::int64_t product() {
    auto value = factor();
    for (;;) {
      if (take('*')) {
        if (__builtin_mul_overflow(value, factor(), &value)) throw std::overflow_error("product");
        value /= 100;
      } else if (take('/')) {
        auto by = factor();
        if (by == 0) throw std::domain_error("division");
        value = value * 100 / by;
      } else {
        return value;
      }
    }
  }
  std::int64_t sum() {
    auto value = product();
    for (;;) {
      if (take('+')) value += product();
      else if (take('-')) value -= product();
      else return value;
    }
  }

public:
  static std::int64_t parse(std::string_view text) {
    Amount amount;
    amount.rest = text;
    auto value = amount.sum();
    if (!amount.rest.empty()) throw LedgerError("end expected");
    return value;
  }
};

struct Transfer {
  std::string from, to;
  std::int64_t cents;
};
struct Close {
  std::string account;
};
struct Note {
  std::string text;
};
using Entry = std::variant<Transfer, Close, Note>;

Entry parse(const std::string &text, std::size_t line) {
  static const std::regex transfer(R"(^\s*(\w+)\s*->\s*(\w+)\s*:\s*(\S+)\s*(?:#.*)?$)");
  static const std::regex close(R"(^\s*close\s+(\w+)\s*$)", std::regex::icase);
  static const std::regex note(R"(^\s*#\s*(.*)$)");
  std::smatch match;
  if (std::regex_match(text, match, transfer)) {
    try {
      return Transfer{match[1], match[2], Amount::parse(match[3].str())};
    } catch (...) {
      std::throw_with_nested(SyntaxError("bad amount", line));
    }
  }
  if (std::regex_match(text, match, close)) return Close{match[1]};
  if (std::regex_match(text, match, note)) return Note{match[1]};
  throw SyntaxError("bad line", line);
}

class Ledger {
  std::map<std::string, std::int64_t> accounts;
  std::set<std::string, std::less<>> closed;

  // Takes a booking back unless told that it stays.
  class Booking {
    std::int64_t *where;
    std::int64_t by;

  public:
    Booking(std::int64_t &where, std::int64_t by) : where(&where), by(by) { where += by; }
    Booking(const Booking &) = delete;
    void keep() { where = nullptr; }
    ~Booking() {
      if (where) *where -= by, ++undone;
    }
  };

  std::int64_t &open(const std::string &name) {
    if (closed.contains(name)) throw std::out_of_range(name);
    return accounts[name];
  }

public:
  void operator()(const Transfer &transfer) {
    Booking out(open(transfer.from), -transfer.cents);
    Booking in(open(transfer.to), transfer.cents);
    if (transfer.cents <= 0) throw Unbalanced(transfer.cents);
    if (accounts.at(transfer.from) < -2'000'000) throw Overdrawn(transfer.from);
    out.keep(), in.keep();
  }
  void operator()(const Close &close) {
    if (accounts.at(close.account) < 0) throw Overdrawn(close.account);
    if (!closed.insert(close.account).second) throw std::invalid_argument("closed");
    if (closed.size() > 12) throw closed; // a container as an exception
  }
  void operator()(const Note &note) {
    static Note last;
    last = note;
    if (note.text.starts_with("stop")) throw static_cast<const Note *>(&last); // a pointer as an exception
  }
  void reopen() { closed.clear(); }
  const auto &all() const { return accounts; }
};

std::string journal_line(std::mt19937 &random) {
  auto pick = [&](std::uint32_t below) { return random() % below; };
  std::ostringstream line;
  auto account = [&] { return std::string("acct") + static_cast<char>('A' + pick(26)); };
  auto kind = pick(100);
  if (kind < 3) line << "# " << (pick(2) ? "stop here" : "a note") << ' ' << pick(1000);
  else if (kind < 5) line << (pick(2) ? "close " : "CLOSE ") << account();
  else if (kind < 8) line << account() << " => " << account() << ": " << pick(1000);
  else {
    line << account() << " -> " << account() << " : ";
    auto number = [&] { line << pick(500) << '.' << std::setw(2) << std::setfill('0') << pick(100); };
    number();
    for (auto more = pick(4); more > 0; --more) {
      line << "+-*/"[pick(kind < 60 ? 1 : 4)];
      if (pick(5) == 0) {
        line << '(';
        number();
        line << '-';
        number();
        line << (pick(9) ? ")" : "");
      } else number();
    }
    if (kind == 99) line << std::string(pick(60), '(');
    if (kind == 98) line << "/0.00";
    if (kind == 97) line << "+99999999999999999999999";
    if (pick(10) == 0) line << " # comment";
  }
  return line.str();
}

// The name of what is being handled, and of what is nested in it.
std::string describe() {
  try {
    throw;
  } catch (const SyntaxError &error) {
    std::string text = error.what();
    try {
      std::rethrow_if_nested(error);
    } catch (...) {
      text += " (" + describe() + ")";
    }
    return text;
  } catch (const Unbalanced &error) {
    return std::string("unbalanced by ") + (error.by == 0 ? "nothing" : "less than nothing");
  } catch (const LedgerError &error) {
    return error.what();
  } catch (const std::domain_error &) {
    return "domain";
  } catch (const std::overflow_error &) {
    return "overflow";
  } catch (const std::logic_error &error) {
    return dynamic_cast<const std::out_of_range *>(&error) ? "out of range" : "logic";
  } catch (const Note *note) {
    return note->text.substr(0, 4);
  } catch (const std::set<std::string, std::less<>> &closed) {
    return "all closed: " + std::to_string(closed.size());
  } catch (...) {
    return "unknown";
  }
}

} // namespace

int main(int argc, char **argv) {
  std::ios::sync_with_stdio(false);
  std::size_t lines = argc > 1 ? std::stoul(argv[1]) : 200'000;
  std::mt19937 random(20'26);
  Ledger ledger;
  std::map<std::string, std::uint64_t> failures;
  std::deque<std::pair<std::size_t, std::exception_ptr>> kept;
  std::unordered_map<std::string, std::vector<std::size_t>> where;
  std::uint64_t booked = 0, located = 0;

  for (std::size_t line = 1; line <= lines; ++line) {
    auto text = journal_line(random);
    try {
      try {
        std::visit(ledger, parse(text, line));
        ++booked;
      } catch (const Located &error) {
        located += error.line;
        throw;
      }
    } catch (const std::set<std::string, std::less<>> &) {
      ++failures[describe()];
      ledger.reopen();
    } catch (...) {
      auto name = describe();
      if (++failures[name] % 1000 == 1 && name != "stop") kept.emplace_back(line, std::current_exception());
      where[name].push_back(line);
    }
  }

  std::cout << "lines " << lines << ", booked " << booked << ", bookings undone " << undone << ", located " << located << '\n';
  for (const auto &[name, count] : failures) std::cout << std::left << std::setw(40) << std::setfill('.') << name << count << '\n';
  for (const auto &[account, cents] : ledger.all())
    std::cout << account << ' ' << std::right << std::setw(14) << std::setfill(' ') << std::fixed << std::setprecision(2)
              << static_cast<double>(cents) / 100 << '\n';
  for (const auto &[line, pointer] : kept) {
    try {
      std::rethrow_exception(pointer);
    } catch (...) {
      std::cout << "kept from line " << line << ": " << describe() << '\n';
    }
  }
  std::map<std::string, double> mean;
  for (const auto &[name, at] : where)
    mean[name] = std::accumulate(at.begin(), at.end(), 0.0) / static_cast<double>(at.size());
  for (const auto &[name, value] : mean) std::cout << name << " at " << std::setprecision(3) << value << " on average\n";

  // What the library throws itself.
  std::vector<std::function<void()>> own = {
      [] { std::vector<int>(3).at(7) = 1; },
      [] { (void)std::string("short").substr(9); },
      [] { (void)std::stoi("none"); },
      [] { (void)std::stoi("99999999999999"); },
      [] { (void)std::any_cast<int>(std::any(std::string("text"))); },
      [] { (void)std::get<1>(std::variant<int, double>(1)); },
      [] { (void)std::optional<int>().value(); },
      [] { std::function<void()>()(); },
      [] { std::regex broken("(unclosed"); },
      [] { std::vector<int> huge(static_cast<std::size_t>(-1)); },
      [] { (void)dynamic_cast<Overdrawn &>(static_cast<std::exception &>(*std::make_unique<Unbalanced>(1))); },
      [] { std::istringstream stream("x"); stream.exceptions(std::ios::failbit); int value; stream >> value; },
      [] { std::weak_ptr<int> gone; std::shared_ptr<int> back(gone); },
  };
  for (auto &action : own) {
    try {
      action();
      std::cout << "nothing\n";
    } catch (const std::out_of_range &) { std::cout << "out_of_range\n";
    } catch (const std::invalid_argument &) { std::cout << "invalid_argument\n";
    } catch (const std::length_error &) { std::cout << "length_error\n";
    } catch (const std::bad_alloc &) { std::cout << "bad_alloc\n";
    } catch (const std::bad_any_cast &) { std::cout << "bad_any_cast\n";
    } catch (const std::bad_cast &) { std::cout << "bad_cast\n";
    } catch (const std::bad_variant_access &) { std::cout << "bad_variant_access\n";
    } catch (const std::bad_optional_access &) { std::cout << "bad_optional_access\n";
    } catch (const std::bad_function_call &) { std::cout << "bad_function_call\n";
    } catch (const std::bad_weak_ptr &) { std::cout << "bad_weak_ptr\n";
    } catch (const std::regex_error &error) {
      std::cout << "regex_error " << (error.code() == std::regex_constants::error_paren) << '\n';
    } catch (const std::ios_base::failure &) { std::cout << "ios failure\n";
    } catch (const std::exception &) { std::cout << "exception\n";
    }
  }
  return booked > 0 ? 7 : 1;
}
