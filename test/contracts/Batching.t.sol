// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {Bomber, Burner, GasMeter, HeavyWallet, Refuser, TalkativeTaker} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {BlacklistToken, BurningToken, ScriptedToken, Token} from "./support/Tokens.sol";
import {Tree} from "./support/Tree.sol";
import {Vm, vm} from "./support/Vm.sol";

contract BatchingTest is DistributorTest {
    /// Five accounts of the ladder, the one in the middle replaced; posted and active.
    function withMiddle(address middle, address asset) private returns (IRewardsDistributor.Leaf[] memory leaves) {
        leaves = ladder(5, asset, 1);
        leaves[2].account = middle;
        postActive(leaves);
    }

    /// The whole batch is sent; the middle is skipped for the reason, the other four are paid.
    function skipsTheMiddle(IRewardsDistributor.Leaf[] memory leaves, bytes memory reason) private {
        uint256 before = distributor.claimed(leaves[2].account, leaves[2].asset);
        vm.recordLogs();
        eq(claimAll(1, leaves), 4);
        sawSkip(leaves[2], reason);
        eq(claimedOf(leaves[2].asset), 1200 + before);
        eq(distributor.claimed(leaves[2].account, leaves[2].asset), before);
        for (uint256 i; i < 5; ++i) {
            if (i != 2) eq(distributor.claimed(leaves[i].account, leaves[i].asset), leaves[i].cumulative);
        }
    }

    /// Exactly one leaf was reported as skipped, with this reason.
    function sawSkip(IRewardsDistributor.Leaf memory skipped, bytes memory reason) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 count;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IRewardsDistributor.ClaimSkipped.selector) continue;
            ++count;
            eq(logs[i].topics[1], bytes32(uint256(uint160(skipped.account))));
            eq(keccak256(logs[i].data), keccak256(abi.encode(skipped.asset, uint256(1), reason)));
        }
        eq(count, 1);
    }

    function failed(address asset, address to) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRewardsDistributor.TransferFailed.selector, asset, to, 300);
    }

    function test_GivenManyLeaves_WhenClaimed_AllArePaidCountedAndReported() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(11, ETH, 1);
        postActive(leaves);
        vm.recordLogs();
        eq(claimAll(1, leaves), 11);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(logs.length, 11);
        for (uint256 i; i < 11; ++i) {
            eq(logs[i].topics[0], IRewardsDistributor.Claimed.selector);
            eq(account(i).balance, leaves[i].cumulative);
        }
        eq(claimedOf(ETH), 6600);
    }

    function test_GivenSomeOfTheLeaves_WhenClaimed_OnlyTheyArePaid() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(9, ETH, 1);
        postActive(leaves);
        uint256[] memory chosen = new uint256[](3);
        (chosen[0], chosen[1], chosen[2]) = (7, 0, 4);
        eq(claimSome(1, leaves, chosen), 3);
        eq(claimedOf(ETH), 800 + 100 + 500);
        eq(claimAll(1, leaves), 6);
        eq(claimedOf(ETH), 4500);
    }

    function test_GivenEthAndTokensInOneTree_WhenClaimed_BothArePaid() external {
        Token token = new Token();
        token.mint(address(distributor), 700);
        vm.deal(address(distributor), 300);
        IRewardsDistributor.Leaf[] memory leaves = new IRewardsDistributor.Leaf[](3);
        leaves[0] = leaf(account(1), ETH, 300);
        leaves[1] = leaf(account(1), address(token), 500);
        leaves[2] = leaf(account(2), address(token), 200);
        post(withTotal(recordOf(Tree.root(leaves), ETH, 300), address(token), 700));
        vm.warp(START + DELAY);
        eq(claimAll(1, leaves), 3);
        eq(account(1).balance, 300);
        eq(token.balanceOf(account(1)), 500);
        eq(token.balanceOf(account(2)), 200);
        eq(distributor.claimed(account(1), address(token)), 500);
    }

    function test_FrontRunItemInsideABatch() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), ETH);
        claim(1, leaves, 2);
        bytes4 selector = IRewardsDistributor.NothingToClaim.selector;
        skipsTheMiddle(leaves, abi.encodeWithSelector(selector, account(2), ETH, 300, 300));
        eq(claimAll(1, leaves), 0);
    }

    function test_SameLeafTwiceInOneBatch() external {
        // A tree that holds the same leaf twice: both can be in one multiproof, and one is paid.
        IRewardsDistributor.Leaf[] memory leaves = ladder(4, ETH, 1);
        leaves[3] = leaves[1];
        bytes32[] memory nodes = Tree.build(Tree.hashes(leaves));
        vm.deal(address(distributor), 10_000);
        post(recordOf(nodes[0], ETH, 10_000));
        vm.warp(START + DELAY);
        // All four in the order of the tree's leaves, from its end.
        IRewardsDistributor.Leaf[] memory taken = new IRewardsDistributor.Leaf[](4);
        for (uint256 i; i < 4; ++i) {
            for (uint256 j; j < 4; ++j) if (Tree.hashLeaf(leaves[j]) == nodes[6 - i]) taken[i] = leaves[j];
        }
        bool[] memory flags = new bool[](3);
        (flags[0], flags[1], flags[2]) = (true, true, true);
        eq(distributor.claimBatch(1, taken, new bytes32[](0), flags), 3);
        eq(account(1).balance, 200);
        eq(claimedOf(ETH), 600);
    }

    function test_GivenAPausedAsset_WhenClaimed_ItsLeavesAreSkipped() external {
        Token token = new Token();
        token.mint(address(distributor), 300);
        vm.deal(address(distributor), 1200);
        IRewardsDistributor.Leaf[] memory leaves = ladder(5, ETH, 1);
        leaves[2].asset = address(token);
        post(withTotal(recordOf(Tree.root(leaves), ETH, 1200), address(token), 300));
        vm.warp(START + DELAY);
        vm.prank(GUARDIAN);
        distributor.pause(address(token));
        bytes4 selector = IRewardsDistributor.AssetPaused.selector;
        uint256 until = START + DELAY + 7 days;
        bytes memory reason = abi.encodeWithSelector(selector, address(token), until, START + DELAY);
        vm.recordLogs();
        eq(claimAll(1, leaves), 4);
        sawSkip(leaves[2], reason);
        vm.warp(until);
        eq(claimAll(1, leaves), 1);
    }

    function test_GivenAnOverDeclaredTree_WhenClaimed_TheLeafBeyondIsSkipped() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), ETH);
        leaves = ladder(2, ETH, 10);
        vm.deal(address(distributor), 1501);
        post(recordOf(Tree.root(leaves), ETH, 1501));
        vm.warp(START + 2 * uint256(DELAY));
        vm.recordLogs();
        eq(claimAll(2, leaves), 1);
        eq(vm.getRecordedLogs().length, 2);
        yes(claimedOf(ETH) <= 1501);
    }

    function test_GivenTheZeroAccount_WhenClaimed_ItIsSkipped() external {
        skipsTheMiddle(withMiddle(address(0), ETH), abi.encodeWithSelector(IRewardsDistributor.ZeroAddress.selector));
    }

    function test_GivenALeafOfAllBits_WhenClaimed_ItIsSkipped() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(5, ETH, 1);
        leaves[2].cumulative = type(uint256).max;
        vm.deal(address(distributor), 1200);
        post(recordOf(Tree.root(leaves), ETH, 1200));
        vm.warp(START + DELAY);
        eq(claimAll(1, leaves), 4);
        eq(claimedOf(ETH), 1200);
    }

    function test_GivenARecipientThatDoesNotTakeIt_WhenClaimed_ItIsSkipped() external {
        address[3] memory bad = [address(new Refuser()), address(new Burner()), address(new Bomber())];
        for (uint256 i; i < bad.length; ++i) {
            setUp();
            skipsTheMiddle(withMiddle(bad[i], ETH), failed(ETH, bad[i]));
        }
    }

    function test_GivenARecipientSetToOneThatRefuses_WhenClaimed_TheAccountKeepsItsChoiceAndItsClaim() external {
        address bad = address(new Refuser());
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), ETH);
        vm.prank(account(2));
        distributor.setRecipient(bad);
        skipsTheMiddle(leaves, failed(ETH, bad));
        eq(distributor.recipientOf(account(2)), bad);
        vm.prank(account(2));
        distributor.setRecipient(address(0));
        eq(claim(1, leaves, 2), 300);
    }

    function test_WalletOf35kGas() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(address(new HeavyWallet(1)), ETH);
        eq(claimAll(1, leaves), 5);
    }

    function test_WalletOf60kGas() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(address(new HeavyWallet(2)), ETH);
        eq(claimAll(1, leaves), 5);
    }

    function test_GivenAWalletBeyondTheAllowance_WhenClaimed_ItIsSkipped() external {
        address heavy = address(new HeavyWallet(5));
        skipsTheMiddle(withMiddle(heavy, ETH), failed(ETH, heavy));
    }

    function test_GivenARecipientThatReturnsALot_WhenClaimed_AllArePaid() external {
        eq(claimAll(1, withMiddle(address(new TalkativeTaker()), ETH)), 5);
    }

    function test_BlacklistedTokenRecipientInABatch() external {
        BlacklistToken token = new BlacklistToken();
        token.mint(address(distributor), 1500);
        token.blacklist(account(2));
        skipsTheMiddle(withMiddle(account(2), address(token)), failed(address(token), account(2)));
        eq(token.balanceOf(address(distributor)), 300);
    }

    function test_GivenATokenThatReturnsFalse_WhenClaimed_AllAreSkipped() external {
        ScriptedToken token = new ScriptedToken();
        token.mint(address(distributor), 1500);
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), address(token));
        token.script(abi.encode(false), false);
        eq(claimAll(1, leaves), 0);
        eq(claimedOf(address(token)), 0);
        token.script(abi.encode(true), true);
        eq(claimAll(1, leaves), 5);
    }

    function test_GivenATokenThatBurnsGasOrReturnsABomb_WhenClaimed_TheOthersArePaid() external {
        for (uint256 i; i < 2; ++i) {
            setUp();
            BurningToken token = new BurningToken();
            if (i == 1) token.useBomb();
            token.mint(address(distributor), 300);
            vm.deal(address(distributor), 1200);
            IRewardsDistributor.Leaf[] memory leaves = ladder(5, ETH, 1);
            leaves[2].asset = address(token);
            post(withTotal(recordOf(Tree.root(leaves), ETH, 1200), address(token), 300));
            vm.warp(START + DELAY);
            vm.recordLogs();
            eq(claimAll(1, leaves), 4);
            sawSkip(leaves[2], failed(address(token), account(2)));
        }
    }

    function test_GivenAnyGas_WhenClaimed_EveryPaymentHasItsFullAllowanceOrTheBatchReverts(uint24 spare) external {
        GasMeter meter = new GasMeter();
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        leaves[1].account = address(meter);
        postActive(leaves);
        uint256[] memory chosen = new uint256[](2);
        chosen[1] = 1;
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        uint256 gasGiven = 150_000 + uint256(spare) % 250_000;
        try distributor.claimBatch{gas: gasGiven}(1, taken, proof, flags) returns (uint256 paid) {
            eq(paid, 2);
            // What the allowance and the call's own stipend of 2,300 leave on arrival.
            yes(meter.given() > 100_000);
        } catch (bytes memory reason) {
            eq(bytes32(bytes4(reason)), bytes32(IRewardsDistributor.GasTooLow.selector));
            yes(gasGiven < 350_000);
        }
    }

    function test_GivenTooLittleGas_WhenClaimed_TheWholeBatchReverts() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), ETH);
        uint256[] memory chosen = new uint256[](1);
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        (bool ok, bytes memory reason) = address(distributor).call{gas: 150_000}(
            abi.encodeCall(distributor.claimBatch, (1, taken, proof, flags))
        );
        yes(!ok);
        eq(bytes32(bytes4(reason)), bytes32(IRewardsDistributor.GasTooLow.selector));
        eq(claimedOf(ETH), 0);
    }

    function test_GivenAWrongLeafOrProof_WhenClaimed_TheWholeBatchReverts() external {
        IRewardsDistributor.Leaf[] memory leaves = withMiddle(account(2), ETH);
        uint256[] memory chosen = new uint256[](2);
        (chosen[0], chosen[1]) = (1, 3);
        (IRewardsDistributor.Leaf[] memory taken, bytes32[] memory proof, bool[] memory flags) =
            Tree.multiproof(leaves, chosen);
        taken[1].cumulative += 1;
        isRefused(taken, proof, flags, IRewardsDistributor.InvalidProof.selector);
        taken[1].cumulative -= 1;
        proof[0] = ~proof[0];
        isRefused(taken, proof, flags, IRewardsDistributor.InvalidProof.selector);
        proof[0] = ~proof[0];
        isRefused(taken, new bytes32[](0), flags, IRewardsDistributor.InvalidMultiproof.selector);
        isRefused(one(taken[0]), proof, flags, IRewardsDistributor.InvalidMultiproof.selector);
        isRefused(new IRewardsDistributor.Leaf[](0), proof, flags, IRewardsDistributor.InvalidMultiproof.selector);
        eq(distributor.claimBatch(1, taken, proof, flags), 2);
    }

    /// The two children of an inner node, read as the words of a leaf, beside the node's sibling.
    function test_InternalNodePassedOffAsALeafOfABatch() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(4, ETH, 1);
        postActive(leaves);
        bytes32[] memory nodes = Tree.build(Tree.hashes(leaves));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = nodes[2];
        IRewardsDistributor.Leaf memory fake =
            leaf(address(uint160(uint256(nodes[3]))), address(uint160(uint256(nodes[4]))), 1);
        isRefused(one(fake), proof, new bool[](1), IRewardsDistributor.InvalidProof.selector);
    }

    function isRefused(
        IRewardsDistributor.Leaf[] memory taken,
        bytes32[] memory proof,
        bool[] memory flags,
        bytes4 selector
    ) private {
        try distributor.claimBatch(1, taken, proof, flags) {
            yes(false);
        } catch (bytes memory reason) {
            eq(bytes32(bytes4(reason)), bytes32(selector));
        }
    }

    function test_GivenAnUnknownOrWaitingEpoch_WhenClaimed_ItReverts() external {
        IRewardsDistributor.Leaf[] memory leaves = one(leaf(account(1), ETH, 1));
        postLeaves(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.UnknownEpoch.selector, 2, 1));
        distributor.claimBatch(2, leaves, new bytes32[](0), new bool[](0));
        bytes4 selector = IRewardsDistributor.EpochNotActive.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, 1, START + DELAY, START));
        distributor.claimBatch(1, leaves, new bytes32[](0), new bool[](0));
    }
}
