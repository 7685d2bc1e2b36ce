// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../../contracts/IRewardsDistributor.sol";
import {Burner, Reentrant, Refuser} from "./Actors.sol";
import {IPool, newPool} from "./Pool.sol";
import {BlacklistToken} from "./Tokens.sol";
import {Tree} from "./Tree.sol";
import {vm} from "./Vm.sol";

/// Everyone who ever calls a distributor, honest and hostile, one random step at a time; and what must have come of it.
/// With `hostile`, the poster also posts trees that hold more than their record declares.
contract Handler {
    uint256 private constant ACCOUNTS = 6;
    address private constant ADMIN = address(0xAD);
    address private constant POSTER = address(0xB0);
    address private constant GUARDIAN = address(0xC0);

    IPool public immutable distributor;
    BlacklistToken public immutable token;
    bool private immutable _hostile;

    address[ACCOUNTS] public accounts;
    address[4] private _recipients;
    /// The records posted, and the leaves behind them, by number; a revoked number is written over.
    mapping(uint256 epoch => IRewardsDistributor.EpochRecord) private _records;
    mapping(uint256 epoch => IRewardsDistributor.Leaf[]) private _leaves;
    /// What left the distributor towards recipients, measured on its balance.
    mapping(address asset => uint256) public paidOut;
    mapping(address asset => uint256) public lastPause;
    /// The newest epoch ever seen active.
    uint256 public active;
    /// Nonzero once something happened that must never happen: the number of the first such rule.
    uint256 public broken;
    uint256 public calls;

    constructor(bool hostile) {
        _hostile = hostile;
        distributor = newPool(ADMIN, 1 days, POSTER, GUARDIAN, 2 days);
        token = new BlacklistToken();
        Reentrant reentrant = new Reentrant();
        reentrant.arm(address(distributor), abi.encodeCall(distributor.withdrawSurplus, (address(0), msg.sender, 1)));
        _recipients = [address(0), address(new Refuser()), address(new Burner()), address(reentrant)];
        for (uint256 i; i < ACCOUNTS; ++i) accounts[i] = address(uint160(0x1000 + i));
        (accounts[4], accounts[5]) = (address(new Refuser()), address(reentrant));
        token.blacklist(accounts[3]);
    }

    modifier step() {
        ++calls;
        uint256 latest = distributor.latestEpoch();
        while (active < latest && activatesAt(active + 1) <= block.timestamp) ++active;
        _;
    }

    function must(bool held, uint256 rule) private {
        if (!held && broken == 0) broken = rule;
    }

    function assetOf(uint256 seed) public view returns (address) {
        return seed % 2 == 0 ? address(0) : address(token);
    }

    function balanceOf(address asset) public view returns (uint256) {
        return asset == address(0) ? address(distributor).balance : token.balanceOf(address(distributor));
    }

    function activatesAt(uint256 epoch) public view returns (uint256 at_) {
        (, at_,) = distributor.epochs(epoch);
    }

    // Steps

    function fund(uint256 amount, uint256 seed) external step {
        amount %= 1e20;
        if (seed % 2 == 0) {
            vm.deal(address(this), amount);
            distributor.fund{value: amount}(address(0), amount);
        } else {
            token.mint(address(this), amount);
            distributor.fund(address(token), amount);
        }
    }

    function post(uint256 seed, uint256 growth) external step {
        uint256 epoch = distributor.latestEpoch() + 1;
        IRewardsDistributor.Leaf[] memory leaves = grown(epoch - 1, seed, growth % 1e18);
        IRewardsDistributor.EpochRecord memory record = recordOf(epoch, leaves);
        if (_hostile && seed % 3 == 0) {
            // The tree holds more than the record says.
            leaves[seed % leaves.length].cumulative += 1 + growth % 1e17;
            record.root = Tree.root(leaves);
        }
        bool sound = solvent(record);
        vm.prank(POSTER);
        try distributor.postEpoch(record, new bytes[](0)) {
            must(sound, 100);
            _records[epoch] = record;
            delete _leaves[epoch];
            for (uint256 i; i < leaves.length; ++i) _leaves[epoch].push(leaves[i]);
        } catch {
            must(!sound, 101);
        }
    }

    /// The poster tries what it must not: the same again, a lower total, an asset left out, a wrong head.
    function postWrongly(uint256 seed) external step {
        uint256 epoch = distributor.latestEpoch();
        if (epoch == 0) return;
        IRewardsDistributor.EpochRecord memory record = _records[epoch];
        if (seed % 4 != 0) (record.epoch, record.previous) = (epoch + 1, distributor.head());
        if (seed % 4 == 1) record.totals[seed / 4 % 2].cumulative -= 1;
        if (seed % 4 == 2) {
            IRewardsDistributor.AssetTotal memory kept = record.totals[seed / 4 % 2];
            record.totals = new IRewardsDistributor.AssetTotal[](1);
            record.totals[0] = kept;
        }
        // Not the seed itself: the fuzzer feeds back what it saw on chain, the true head among it.
        if (seed % 4 == 3) record.previous = ~record.previous;
        vm.prank(POSTER);
        try distributor.postEpoch(record, new bytes[](0)) {
            must(false, 200 + seed % 4);
        } catch {}
    }

    function revoke(uint256 seed) external step {
        uint256 latest = distributor.latestEpoch();
        if (latest == 0) return;
        uint256 epoch = 1 + seed % latest;
        vm.prank(GUARDIAN);
        try distributor.revokeFrom(epoch, _records[epoch - 1]) {
            must(epoch > active, 300);
            must(distributor.latestEpoch() == epoch - 1, 301);
        } catch {
            must(epoch <= active, 302);
        }
    }

    function wait_(uint256 seconds_) external step {
        vm.warp(block.timestamp + seconds_ % 3 days);
    }

    function claim(uint256 seed, uint256 account) external step {
        if (active == 0) return;
        uint256 epoch = 1 + seed % active;
        IRewardsDistributor.Leaf[] memory leaves = _leaves[epoch];
        uint256 i = account % leaves.length;
        bytes32[] memory proof = Tree.proof(leaves, i);
        uint256 before = balanceOf(leaves[i].asset);
        (uint256 due, bool payable_) = expected(leaves[i]);
        try distributor.claim{gas: 2_000_000}(epoch, leaves[i], proof) returns (uint256 paid) {
            must(payable_ && paid == due, 400);
            must(before - balanceOf(leaves[i].asset) == paid, 401);
            paidOut[leaves[i].asset] += paid;
        } catch {
            must(!payable_ && before == balanceOf(leaves[i].asset), 402);
        }
    }

    function claimBatch(uint256 seed, uint256 choice) external step {
        if (active == 0) return;
        uint256 epoch = 1 + seed % active;
        IRewardsDistributor.Leaf[] memory leaves = _leaves[epoch];
        uint256[] memory chosen = new uint256[](leaves.length);
        uint256 count;
        for (uint256 i; i < leaves.length; ++i) if (choice >> i & 1 == 1) chosen[count++] = i;
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(chosen, count)
        }
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        (uint256 eth, uint256 tokens) = (balanceOf(address(0)), balanceOf(address(token)));
        try distributor.claimBatch{gas: 12_000_000}(epoch, taken, proof, flags) {
            paidOut[address(0)] += eth - balanceOf(address(0));
            paidOut[address(token)] += tokens - balanceOf(address(token));
        } catch {
            must(false, 500);
        }
    }

    function setRecipient(uint256 seed, uint256 account) external step {
        vm.prank(accounts[account % ACCOUNTS]);
        distributor.setRecipient(_recipients[seed % _recipients.length]);
    }

    function pause(uint256 seed) external step {
        address asset = assetOf(seed);
        (,, uint256 until,) = distributor.assets(asset);
        vm.prank(GUARDIAN);
        try distributor.pause(asset) {
            must(lastPause[asset] == 0 || block.timestamp >= until + 7 days, 600);
            lastPause[asset] = block.timestamp;
        } catch {
            must(block.timestamp < until + 7 days, 601);
        }
    }

    function unpause(uint256 seed) external step {
        (,, uint256 until,) = distributor.assets(assetOf(seed));
        vm.prank(ADMIN);
        try distributor.unpause(assetOf(seed)) {
            must(block.timestamp < until, 700);
        } catch {
            must(block.timestamp >= until, 701);
        }
    }

    function withdraw(uint256 seed, uint256 amount) external step {
        address asset = assetOf(seed);
        uint256 surplus = distributor.surplusOf(asset);
        amount %= surplus + 2;
        vm.prank(ADMIN);
        try distributor.withdrawSurplus(asset, address(0xF00D), amount) {
            must(amount <= surplus, 800);
        } catch {
            must(amount > surplus, 801);
        }
    }

    /// Nobody without the role gets in.
    function intrude(uint256 seed) external step {
        bytes[6] memory tries = [
            abi.encodeCall(distributor.withdrawSurplus, (address(0), msg.sender, 0)),
            abi.encodeCall(distributor.pause, (address(0))),
            abi.encodeCall(distributor.unpause, (address(0))),
            abi.encodeCall(distributor.setAttestationQuorum, (1)),
            abi.encodeCall(distributor.grantRole, (distributor.POSTER(), address(this))),
            abi.encodeCall(distributor.revokeFrom, (active + 1, _records[active]))
        ];
        (bool ok,) = address(distributor).call(tries[seed % 6]);
        must(!ok, 900 + seed % 6);
    }

    // What is expected

    /// What the leaf has left to pay, and whether nothing stands in the way of paying it.
    function expected(IRewardsDistributor.Leaf memory leaf) private view returns (uint256 due, bool payable_) {
        uint256 before = distributor.claimed(leaf.account, leaf.asset);
        (uint256 allocated, uint256 claimed, uint256 until,) = distributor.assets(leaf.asset);
        if (leaf.cumulative <= before) return (0, false);
        due = leaf.cumulative - before;
        address to = distributor.recipientOf(leaf.account);
        bool takes = leaf.asset == address(0)
            ? to != _recipients[1] && to != _recipients[2] && to != accounts[4]
            : !token.blacklisted(to);
        // With honest trees, the declared total never stands in the way: that is one of the rules.
        bool declared = !_hostile || due <= allocated - claimed;
        payable_ = takes && declared && block.timestamp >= until;
    }

    function solvent(IRewardsDistributor.EpochRecord memory record) private view returns (bool) {
        for (uint256 i; i < record.totals.length; ++i) {
            (uint256 allocated, uint256 claimed,,) = distributor.assets(record.totals[i].asset);
            if (record.totals[i].cumulative < allocated) return false;
            if (record.totals[i].cumulative - claimed > balanceOf(record.totals[i].asset)) return false;
        }
        return true;
    }

    /// The leaves of an epoch, one account's grown in both assets. Everyone starts with one.
    function grown(uint256 epoch, uint256 seed, uint256 growth)
        private
        view
        returns (IRewardsDistributor.Leaf[] memory leaves)
    {
        leaves = new IRewardsDistributor.Leaf[](2 * ACCOUNTS);
        for (uint256 i; i < leaves.length; ++i) {
            uint256 before = epoch == 0 ? 1 : _leaves[epoch][i].cumulative;
            uint256 plus = i / 2 == seed % ACCOUNTS ? growth : 0;
            leaves[i] = IRewardsDistributor.Leaf(accounts[i / 2], assetOf(i), before + plus);
        }
    }

    function recordOf(uint256 epoch, IRewardsDistributor.Leaf[] memory leaves)
        private
        view
        returns (IRewardsDistributor.EpochRecord memory record)
    {
        record.epoch = epoch;
        record.previous = distributor.head();
        record.root = Tree.root(leaves);
        record.totals = new IRewardsDistributor.AssetTotal[](2);
        (record.totals[0].asset, record.totals[1].asset) = (address(0), address(token));
        for (uint256 i; i < leaves.length; ++i) record.totals[i % 2].cumulative += leaves[i].cumulative;
    }

    /// Sum over accounts of what the newest active epoch entitles them to and they have not received.
    function outstanding(address asset) external view returns (uint256 total) {
        if (active == 0) return 0;
        IRewardsDistributor.Leaf[] storage leaves = _leaves[active];
        for (uint256 i; i < leaves.length; ++i) {
            if (leaves[i].asset != asset) continue;
            uint256 before = distributor.claimed(leaves[i].account, asset);
            if (leaves[i].cumulative > before) total += leaves[i].cumulative - before;
        }
    }

    function claimedByAll(address asset) external view returns (uint256 total) {
        for (uint256 i; i < ACCOUNTS; ++i) total += distributor.claimed(accounts[i], asset);
    }

    /// Whether every epoch ever active still stands with the root it was posted with.
    function activeStand() external view returns (bool) {
        for (uint256 epoch = 1; epoch <= active; ++epoch) {
            (bytes32 root,,) = distributor.epochs(epoch);
            if (root != _records[epoch].root || root == 0) return false;
        }
        return true;
    }
}
